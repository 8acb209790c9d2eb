/** An event source mapping from a stream on a real engine, with a Lambda whose answers are scripted. */
import { DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import type { DynamoDBStreamEvent } from 'aws-lambda';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AwsClient } from '../../local/aws-client.ts';
import { REGION } from '../../local/engines.ts';
import type { LambdaHost } from '../../local/lambda-host.ts';
import { StreamEventSource, type StreamEventSourceSettings } from '../../local/stream-event-source.ts';
import { type Engines, startEngines } from '../support/engines.ts';
import { eventually, scriptedLambda } from '../support/lambda.ts';

let engines: Engines;
let sources: { stop(): Promise<void> }[];
beforeEach(async () => {
  engines = await startEngines();
  sources = [];
});
afterEach(async () => {
  await Promise.all(sources.map((source) => source.stop()));
  await engines.stop();
});

const start = async (lambda: LambdaHost, overrides: Partial<StreamEventSourceSettings> = {}) => {
  const { Table } = await engines.rawClient.send(new DescribeTableCommand({ TableName: engines.table }));
  const checkpoints = new Map<string, string>();
  const client = new AwsClient({ endpoint: engines.dynamodb.endpoint, service: 'dynamodb' });
  const source = new StreamEventSource(client, lambda, {
    streamArn: Table?.LatestStreamArn ?? '',
    region: REGION,
    batchSize: 100,
    startingPosition: 'TRIM_HORIZON',
    filterPatterns: [],
    reportBatchItemFailures: true,
    bisectBatchOnError: true,
    maxRetryAttempts: 3,
    maxRecordAgeSeconds: -1,
    onDiscarded: undefined,
    checkpoints,
    onProblem: () => {},
    ...overrides,
  });
  source.start();
  sources.push(source);
  return { checkpoints, source };
};
const write = async (...ids: string[]) => {
  for (const bookingId of ids) await engines.store.create({ bookingId, holdMs: 60_000 }, Date.now());
};
const idsOf = ({ Records }: DynamoDBStreamEvent) => Records.map(({ dynamodb }) => dynamodb?.Keys?.bookingId?.S ?? '');

test('a reader says how old the record is that it cannot get past, until it can', async () => {
  let isBroken = true;
  const { source } = await start(
    scriptedLambda(() => {
      if (isBroken) throw new Error('cannot');
    }),
    { maxRetryAttempts: -1 },
  );
  expect(source.progress(Date.now())).toEqual({ lastProcessingResult: 'No records processed', iteratorAgeMs: 0 });
  await write('a');
  await eventually(
    () => source.progress(Date.now()),
    ({ lastProcessingResult, iteratorAgeMs = 0 }) =>
      lastProcessingResult === 'PROBLEM: Function call failed' && iteratorAgeMs > 0,
  );
  isBroken = false;
  await eventually(
    () => source.progress(Date.now()),
    ({ lastProcessingResult, iteratorAgeMs }) => lastProcessingResult === 'OK' && iteratorAgeMs === 0,
  );
});

test('records come in order, those written before the start too', async () => {
  const seen: string[] = [];
  await write('a', 'b');
  await start(
    scriptedLambda((event: DynamoDBStreamEvent) => {
      seen.push(...idsOf(event));
    }),
  );
  await eventually(
    () => seen.length,
    (count) => count === 2,
  );
  await write('c');
  await eventually(
    () => seen.length,
    (count) => count === 3,
  );
  expect(seen).toEqual(['a', 'b', 'c']);
});

test('a record that always fails is halved out, given up and described; all others are handled', async () => {
  const handled: string[] = [];
  const discarded: unknown[] = [];
  let poison: string | undefined;
  await write('a', 'b', 'poison', 'c', 'd');
  await start(
    scriptedLambda((event: DynamoDBStreamEvent) => {
      const ids = idsOf(event);
      if (ids.includes('poison')) {
        poison = event.Records[ids.indexOf('poison')]?.dynamodb?.SequenceNumber;
        throw new Error('cannot');
      }
      handled.push(...ids);
    }),
    {
      maxRetryAttempts: 2,
      onDiscarded: async (description) => {
        discarded.push(description);
      },
    },
  );
  await eventually(
    () => handled.length,
    (count) => count === 4,
  );
  expect(handled).toEqual(['a', 'b', 'c', 'd']);
  expect(discarded).toMatchObject([
    {
      requestContext: { condition: 'RetryAttemptsExhausted', approximateInvokeCount: 3 },
      DDBStreamBatchInfo: { batchSize: 1, startSequenceNumber: poison, endSequenceNumber: poison },
    },
  ]);
});

test('what follows a reported failure comes again, what precedes it does not', async () => {
  const seen: string[][] = [];
  await write('a', 'b', 'c', 'd');
  await start(
    scriptedLambda((event: DynamoDBStreamEvent) => {
      seen.push(idsOf(event));
      const failed = event.Records.filter(({ dynamodb }) => seen.length === 1 && dynamodb?.Keys?.bookingId?.S === 'c');
      return { batchItemFailures: failed.map(({ dynamodb }) => ({ itemIdentifier: dynamodb?.SequenceNumber })) };
    }),
    { bisectBatchOnError: false },
  );
  await eventually(
    () => seen.length,
    (count) => count === 2,
  );
  expect(seen).toEqual([
    ['a', 'b', 'c', 'd'],
    ['c', 'd'],
  ]);
});

test('records that are too old are given up', async () => {
  const discarded: unknown[] = [];
  await write('old');
  await new Promise((resolve) => setTimeout(resolve, 2_100));
  await start(
    scriptedLambda(() => undefined),
    {
      maxRecordAgeSeconds: 1,
      onDiscarded: async (description) => {
        discarded.push(description);
      },
    },
  );
  await eventually(
    () => discarded.length,
    (count) => count === 1,
  );
  expect(discarded[0]).toMatchObject({ requestContext: { condition: 'RecordAgeExceeded' } });
});

test('records that are large together come in as many invocations as Lambda’s payload needs', async () => {
  const sizes: number[] = [];
  for (let index = 0; index < 20; index += 1) {
    const Item = { bookingId: `large-${index}`, status: 'PENDING', expiresAtMs: 1, fill: 'x'.repeat(390_000) };
    await engines.documents.send(new PutCommand({ TableName: engines.table, Item }));
  }
  await start(
    scriptedLambda((event: DynamoDBStreamEvent) => {
      sizes.push(JSON.stringify(event).length);
    }),
  );
  await eventually(
    () => sizes.reduce((sum, size) => sum + size, 0),
    (bytes) => bytes > 20 * 390_000,
  );
  expect(Math.max(...sizes)).toBeLessThan(6 * 1024 * 1024);
  expect(sizes.length).toBeLessThan(20);
});

test('a filter keeps records from the Lambda, and reading goes on behind them', async () => {
  const seen: string[] = [];
  let last: string | undefined;
  const filterPatterns = ['{"dynamodb":{"NewImage":{"status":{"S":["CONFIRMED"]}}}}'];
  const { checkpoints } = await start(
    scriptedLambda((event: DynamoDBStreamEvent) => {
      seen.push(...idsOf(event));
      last = event.Records.at(-1)?.dynamodb?.SequenceNumber;
    }),
    { filterPatterns },
  );
  await write('a', 'b');
  await engines.store.confirm('b', Date.now());
  await eventually(
    () => seen.length,
    (count) => count === 1,
  );
  expect(seen).toEqual(['b']);
  await eventually(
    () => [...checkpoints.values()],
    ([checkpoint]) => checkpoint !== undefined && checkpoint === last,
  );
});

test('reading goes on where the checkpoint is', async () => {
  await write('before');
  const seen: string[] = [];
  const record = (event: DynamoDBStreamEvent) => {
    seen.push(...idsOf(event));
  };
  const { checkpoints } = await start(scriptedLambda(record));
  await eventually(
    () => checkpoints.size,
    (size) => size === 1,
  );
  await Promise.all(sources.splice(0).map((source) => source.stop()));
  await write('after');
  const resumed: string[] = [];
  await start(
    scriptedLambda((event: DynamoDBStreamEvent) => {
      resumed.push(...idsOf(event));
    }),
    { checkpoints },
  );
  await eventually(
    () => resumed.length,
    (count) => count > 0,
  );
  expect([seen, resumed]).toEqual([['before'], ['after']]);
});
