import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DynamoDBStreamEvent } from 'aws-lambda';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type AwsCaller, AwsError } from '../../local/aws-client.ts';
import { openCheckpoints } from '../../local/checkpoints.ts';
import { StreamEventSource } from '../../local/stream-event-source.ts';
import { eventually, scriptedLambda } from '../support/lambda.ts';

const STREAM = 'arn:aws:dynamodb:us-east-1:000000000000:table/bookings/stream/1';
const ENGINE = 'http://127.0.0.1:8000';
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'booking-expiry-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('how far a stream was read', () => {
  test.each([{}, { engine: ENGINE }])('is known to the next runtime: %j', (more) => {
    openCheckpoints({ directory, ...more }, 'Mapping', STREAM).set('shard', '42');
    expect(openCheckpoints({ directory, ...more }, 'Mapping', STREAM).get('shard')).toBe('42');
  });

  test('is not known to one that keeps nothing', () => {
    openCheckpoints(undefined, 'Mapping', STREAM).set('shard', '42');
    expect(openCheckpoints(undefined, 'Mapping', STREAM).get('shard')).toBeUndefined();
  });

  test.each([
    ['the stream of a table that was made anew', ENGINE, 'Mapping', STREAM.replace(/1$/, '2')],
    ['another mapping', ENGINE, 'OtherMapping', STREAM],
    ['another engine', 'http://127.0.0.1:8001', 'Mapping', STREAM],
  ])('says nothing about %s', (_, engine, mapping, stream) => {
    openCheckpoints({ directory, engine: ENGINE }, 'Mapping', STREAM).set('shard', '42');
    expect(openCheckpoints({ directory, engine }, mapping, stream).get('shard')).toBeUndefined();
  });

  test('is known from version 0.1.0, which wrote the numbers alone', () => {
    writeFileSync(join(directory, 'checkpoints-Mapping.json'), '{"shard":"42"}');
    expect(openCheckpoints({ directory }, 'Mapping', STREAM).get('shard')).toBe('42');
  });

  test.each(['', 'no JSON', 'null', '[]'])('begins anew with a file that holds %j', (content) => {
    writeFileSync(join(directory, 'checkpoints-Mapping.json'), content);
    expect(openCheckpoints({ directory }, 'Mapping', STREAM).get('shard')).toBeUndefined();
  });

  test('is forgotten for engines that nobody has opened for a week, and for no other file', () => {
    for (const engine of ['http://127.0.0.1:1', 'http://127.0.0.1:2']) {
      openCheckpoints({ directory, engine }, 'Mapping', STREAM);
    }
    const [old = '', young = ''] = readdirSync(directory);
    writeFileSync(join(directory, 'mine.json'), '');
    const eightDaysAgo = Date.now() / 1_000 - 8 * 86_400;
    for (const name of [old, 'mine.json']) utimesSync(join(directory, name), eightDaysAgo, eightDaysAgo);
    openCheckpoints({ directory, engine: ENGINE }, 'Mapping', STREAM);
    expect(readdirSync(directory)).not.toContain(old);
    expect(readdirSync(directory)).toEqual(expect.arrayContaining([young, 'mine.json']));
  });
});

describe('a position that the stream does not keep any more', () => {
  const trimmed = () => new AwsError('TrimmedDataAccessException', 'trimmed', 400);
  /** A stream of one shard. */
  const streamOf = (answer: (operation: string, input: Record<string, string>) => unknown): AwsCaller => ({
    call: async <Answer>(operation: string, input: object) =>
      (operation === 'DescribeStream'
        ? { StreamDescription: { Shards: [{ ShardId: 'shard' }] } }
        : answer(operation, input as Record<string, string>)) as Answer,
  });
  const recordsFrom = async (stream: AwsCaller, position: Record<string, string>, problems: string[] = []) => {
    const seen: string[] = [];
    const source = new StreamEventSource(
      stream,
      scriptedLambda((event: DynamoDBStreamEvent) => {
        seen.push(...event.Records.map(({ eventID = '' }) => eventID));
      }),
      {
        streamArn: STREAM,
        region: 'us-east-1',
        batchSize: 10,
        startingPosition: 'TRIM_HORIZON',
        filterPatterns: [],
        reportBatchItemFailures: true,
        bisectBatchOnError: true,
        maxRetryAttempts: 3,
        maxRecordAgeSeconds: -1,
        onDiscarded: undefined,
        checkpoints: new Map(Object.entries(position)),
        onProblem: (problem) => problems.push(problem),
      },
    );
    source.start();
    await eventually(
      () => seen.length,
      (count) => count > 0,
    );
    await source.stop();
    return seen;
  };
  /** The records of the oldest position, once. */
  const once = (eventID: string, SequenceNumber: string) => {
    let Records = [{ eventID, eventName: 'INSERT', dynamodb: { SequenceNumber } }];
    return () => {
      const answer = { Records, NextShardIterator: 'oldest' };
      Records = [];
      return answer;
    };
  };

  test.each(['GetShardIterator', 'GetRecords'])(
    'is left for the oldest record that is kept, told by %s',
    async (told) => {
      const kept = once('kept', '99');
      const stream = streamOf((operation, { ShardIteratorType, ShardIterator }) => {
        if (ShardIteratorType === 'AFTER_SEQUENCE_NUMBER' && operation === told) throw trimmed();
        if (operation === 'GetShardIterator') {
          return { ShardIterator: ShardIteratorType === 'TRIM_HORIZON' ? 'oldest' : 'after' };
        }
        if (ShardIterator === 'after') throw trimmed();
        return kept();
      });
      expect(await recordsFrom(stream, { shard: '42' })).toEqual(['kept']);
    },
  );

  test('is no problem before the first record: DynamoDB Local says so of an empty stream', async () => {
    const first = once('first', '1');
    let iterators = 0;
    const stream = streamOf((operation, { ShardIteratorType, ShardIterator }) => {
      if (operation === 'GetShardIterator') {
        expect(ShardIteratorType).toBe('TRIM_HORIZON');
        iterators += 1;
        return { ShardIterator: iterators === 1 ? 'out of date' : 'oldest' };
      }
      if (ShardIterator === 'out of date') throw trimmed();
      return first();
    });
    const problems: string[] = [];
    expect(await recordsFrom(stream, {}, problems)).toEqual(['first']);
    expect(problems).toEqual([]);
  });
});
