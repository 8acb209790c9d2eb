/** Where the reading of a stream goes on: after a restart on an engine that kept its data, and after a long absence. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
  TrimmedDataAccessException,
} from '@aws-sdk/client-dynamodb-streams';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openCheckpoints } from '../../local/data-directory.ts';
import { openDynamoDb } from '../../local/open-engines.ts';
import { startRuntime } from '../../local/runtime.ts';
import { StreamEventSource } from '../../local/stream-event-source.ts';
import { eventually, scriptedLambda } from '../support/lambda.ts';
import { TEST_ASSEMBLY } from '../support/synthesize.ts';

let positionsDir: string;
beforeEach(() => {
  positionsDir = mkdtempSync(join(tmpdir(), 'booking-expiry-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(positionsDir, { recursive: true });
});

describe('positions', () => {
  test('are there again after a restart, for the same stream only', () => {
    openCheckpoints(positionsDir, 'Mapping', 'arn:1').set('shard', '7');
    expect(openCheckpoints(positionsDir, 'Mapping', 'arn:1').get('shard')).toBe('7');
    expect(openCheckpoints(positionsDir, 'Other', 'arn:1').get('shard')).toBeUndefined();
    expect(openCheckpoints(positionsDir, 'Mapping', 'arn:2').get('shard')).toBeUndefined();
    expect(openCheckpoints(undefined, 'Mapping', 'arn:1').get('shard')).toBeUndefined();
  });

  test('that version 0.1.0 wrote are read', () => {
    writeFileSync(join(positionsDir, 'checkpoints-Mapping.json'), '{"shard":"7"}');
    expect(openCheckpoints(positionsDir, 'Mapping', 'arn:1').get('shard')).toBe('7');
  });
});

test('a restart on an engine of the operator’s own publishes no event again', async () => {
  const engine = await openDynamoDb();
  const run = positionsDir.slice(-6);
  vi.stubEnv('DYNAMODB_ENDPOINT', engine.endpoint);
  /** Starts the service, has a booking expire, and tells of which bookings it published something. */
  const told = async (bookingId: string, dir: string): Promise<unknown[]> => {
    const ids: unknown[] = [];
    const runtime = await startRuntime({
      assemblyDirectory: TEST_ASSEMBLY,
      positionsDir: dir,
      onEvent: ({ detail }) => ids.push((detail as { bookingId: string }).bookingId),
    });
    await fetch(`${runtime.outputs.ApiUrl}/api/v1/bookings`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ bookingId, holdSeconds: 1 }),
    });
    await eventually(
      () => ids,
      (seen) => seen.includes(bookingId),
    );
    await runtime.stop();
    // Others may have left something in the engine.
    return [...new Set(ids)].filter((id) => String(id).startsWith(run));
  };
  expect(await told(`${run}-1`, positionsDir)).toEqual([`${run}-1`]);
  expect(await told(`${run}-2`, positionsDir)).toEqual([`${run}-2`]);
  // The control: without positions everything that the stream holds comes again.
  expect(await told(`${run}-3`, join(positionsDir, 'empty'))).toEqual([`${run}-1`, `${run}-2`, `${run}-3`]);
  await engine.stop();
}, 90_000);

describe('a stream that has dropped what comes next', () => {
  const trimmed = () => new TrimmedDataAccessException({ message: 'trimmed', $metadata: {} });
  /** Reads a shard until two iterators have been asked for. @param answer to each request, or thrown */
  const readFrom = async (position: string | undefined, answer: (command: object, asked: unknown[]) => void) => {
    const asked: unknown[] = [];
    const problems: string[] = [];
    const client = {
      send: async (command: object) => {
        if (command instanceof GetShardIteratorCommand) asked.push(command.input.ShardIteratorType);
        answer(command, asked);
        if (command instanceof GetShardIteratorCommand) return { ShardIterator: 'iterator' };
        if (command instanceof GetRecordsCommand) return { Records: [], NextShardIterator: 'iterator' };
        return { StreamDescription: { Shards: [{ ShardId: 'shard' }] } };
      },
    };
    const source = new StreamEventSource(
      client as unknown as DynamoDBStreamsClient,
      scriptedLambda(() => undefined),
      {
        streamArn: 'arn',
        region: 'us-east-1',
        batchSize: 10,
        startingPosition: 'LATEST',
        filterPatterns: [],
        reportBatchItemFailures: true,
        bisectBatchOnError: false,
        maxRetryAttempts: 1,
        maxRecordAgeSeconds: -1,
        onDiscarded: undefined,
        checkpoints: new Map(position === undefined ? [] : [['shard', position]]),
        onProblem: (problem) => problems.push(problem),
      },
    );
    source.start();
    await eventually(
      () => asked,
      (types) => types.length === 2,
    );
    await source.stop();
    return { asked, problems };
  };

  test('is read from the oldest that it holds, and this is said', async () => {
    const { asked, problems } = await readFrom('7', (command) => {
      if (command instanceof GetShardIteratorCommand && command.input.SequenceNumber === '7') throw trimmed();
    });
    expect(asked).toEqual(['AFTER_SEQUENCE_NUMBER', 'TRIM_HORIZON']);
    expect(problems).toEqual(['could not begin to read shard shard: trimmed']);
  });

  test('before anything was read, as DynamoDB Local says of an empty one, is read from its first record', async () => {
    const { asked, problems } = await readFrom(undefined, (command, { length }) => {
      if (command instanceof GetRecordsCommand && length === 1) throw trimmed();
    });
    expect(asked).toEqual(['LATEST', 'TRIM_HORIZON']);
    expect(problems).toEqual([]);
  });
});
