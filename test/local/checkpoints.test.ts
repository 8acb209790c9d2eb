import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DescribeStreamCommand,
  DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
  TrimmedDataAccessException,
} from '@aws-sdk/client-dynamodb-streams';
import type { DynamoDBStreamEvent } from 'aws-lambda';
import { mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
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
  const streams = mockClient(DynamoDBStreamsClient);
  afterEach(() => streams.reset());
  const trimmed = () => new TrimmedDataAccessException({ message: 'trimmed', $metadata: {} });
  const recordsFrom = async (position: Record<string, string>, problems: string[] = []) => {
    const seen: string[] = [];
    const source = new StreamEventSource(
      new DynamoDBStreamsClient({ region: 'us-east-1' }),
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

  test.each(['GetShardIterator', 'GetRecords'])(
    'is left for the oldest record that is kept, told by %s',
    async (told) => {
      streams.on(DescribeStreamCommand).resolves({ StreamDescription: { Shards: [{ ShardId: 'shard' }] } });
      const after = streams.on(GetShardIteratorCommand, { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER' });
      if (told === 'GetShardIterator') after.rejects(trimmed());
      else after.resolves({ ShardIterator: 'after' });
      streams.on(GetShardIteratorCommand, { ShardIteratorType: 'TRIM_HORIZON' }).resolves({ ShardIterator: 'oldest' });
      streams.on(GetRecordsCommand, { ShardIterator: 'after' }).rejects(trimmed());
      streams
        .on(GetRecordsCommand, { ShardIterator: 'oldest' })
        .resolvesOnce({
          Records: [{ eventID: 'kept', eventName: 'INSERT', dynamodb: { SequenceNumber: '99' } }],
          NextShardIterator: 'oldest',
        })
        .resolves({ Records: [], NextShardIterator: 'oldest' });
      expect(await recordsFrom({ shard: '42' })).toEqual(['kept']);
    },
  );

  test('is no problem before the first record: DynamoDB Local says so of an empty stream', async () => {
    streams.on(DescribeStreamCommand).resolves({ StreamDescription: { Shards: [{ ShardId: 'shard' }] } });
    streams
      .on(GetShardIteratorCommand, { ShardIteratorType: 'TRIM_HORIZON' })
      .resolvesOnce({ ShardIterator: 'out of date' })
      .resolves({ ShardIterator: 'oldest' });
    streams.on(GetRecordsCommand, { ShardIterator: 'out of date' }).rejects(trimmed());
    streams
      .on(GetRecordsCommand, { ShardIterator: 'oldest' })
      .resolvesOnce({
        Records: [{ eventID: 'first', eventName: 'INSERT', dynamodb: { SequenceNumber: '1' } }],
        NextShardIterator: 'oldest',
      })
      .resolves({ Records: [], NextShardIterator: 'oldest' });
    const problems: string[] = [];
    expect(await recordsFrom({}, problems)).toEqual(['first']);
    expect(problems).toEqual([]);
  });
});
