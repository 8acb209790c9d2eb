/** The embedded DynamoDB does not slow down: its stream records are found by an index, and forgotten when nobody needs them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DynamoDBStreamEvent } from 'aws-lambda';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AwsClient } from '../../local/aws-client.ts';
import { type DynamoDbEngine, REGION, startDynamoDb } from '../../local/engines.ts';
import { openDatabase } from '../../local/sqlite.ts';
import { StreamEventSource } from '../../local/stream-event-source.ts';
import { passedByAll, StreamForgetting } from '../../local/stream-forgetting.ts';
import { openStreamRecords, type StreamRecords } from '../../local/stream-records.ts';
import { eventually, scriptedLambda } from '../support/lambda.ts';
import { type TestTable, testTable } from '../support/streamed-table.ts';

const TABLE = 'bookings';
let directory: string;
let engine: DynamoDbEngine;
let table: TestTable;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'booking-expiry-'));
  engine = await startDynamoDb({ port: 0, portVariable: 'PORT', dataDir: directory });
  table = await testTable(engine.endpoint, TABLE);
});
afterEach(async () => {
  await engine.stop();
  rmSync(directory, { recursive: true, force: true });
});

const file = () => join(directory, 'dynamodb.sqlite');
const inFile = <T>(look: (database: ReturnType<typeof openDatabase>) => T): T => {
  const database = openDatabase(file(), 5_000);
  try {
    return look(database);
  } finally {
    database.close();
  }
};
const records = (): StreamRecords => {
  if (engine.streamRecords === undefined) throw new Error('the stream records could not be opened');
  return engine.streamRecords;
};
/** Forgets until there is nothing more to forget. */
const forget = (passed: number, keptAnyway = 0): void => {
  while (records().forget(TABLE, passed, keptAnyway));
};
const makeOlder = (seconds: number, upTo: number): void => {
  inFile((database) =>
    database
      .prepare('UPDATE _stream_records SET created_at = created_at - ? WHERE CAST(sequence_number AS INTEGER) <= ?')
      .run(seconds, upTo),
  );
};

describe('what the engine asks for at each write and each read', () => {
  /** As they stand in the engine's executable. */
  const QUERIES = {
    'the next number':
      'SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1 FROM _stream_records WHERE table_name = ?1',
    'what a reader gets': `SELECT event_name, keys_json, new_image, old_image, sequence_number, created_at, user_identity
      FROM _stream_records
      WHERE table_name = ?1 AND shard_id = ?2 AND CAST(sequence_number AS INTEGER) > ?3
      ORDER BY CAST(sequence_number AS INTEGER) ASC LIMIT ?4`,
    'the description of a shard':
      'SELECT MIN(sequence_number), MAX(sequence_number) FROM _stream_records WHERE table_name = ?1 AND shard_id = ?2',
  };
  const planOf = (query: string) =>
    inFile((database) =>
      database
        .prepare(`EXPLAIN QUERY PLAN ${query}`)
        .all(...[TABLE, 'shard', 1, 1].slice(0, query.split('?').length - 1))
        .map(({ detail }) => String(detail)),
    );

  test.each([
    ['the next number', 'SEARCH _stream_records USING COVERING INDEX _local_stream_order (table_name=?)'],
    ['what a reader gets', 'SEARCH _stream_records USING INDEX _local_stream_order (table_name=? AND <expr>>?)'],
    ['the description of a shard', 'SEARCH _stream_records USING COVERING INDEX _local_stream_order (table_name=?)'],
  ] as const)('%s is found by the index alone, without sorting', (what, plan) => {
    expect(planOf(QUERIES[what])).toEqual([plan]);
  });

  test('is looked for from end to end without it', () => {
    inFile((database) => database.exec('DROP INDEX _local_stream_order'));
    expect(planOf(QUERIES['what a reader gets'])).toEqual(['SCAN _stream_records', 'USE TEMP B-TREE FOR ORDER BY']);
  });
});

describe('records', () => {
  test('that all readers have passed are forgotten, those behind them stay', async () => {
    await table.put(5);
    forget(3);
    expect(await table.read()).toEqual([4, 5]);
  });

  test('are forgotten in batches, until there is no more', async () => {
    await table.put(600);
    expect(records().forget(TABLE, 599, 0)).toBe(true);
    expect(await table.read(1_000)).toHaveLength(350);
    forget(599);
    expect(await table.read(1_000)).toEqual([600]);
  });

  test('stay, as many as were asked for, although all have passed them', async () => {
    await table.put(5);
    forget(5, 3);
    expect(await table.read()).toEqual([3, 4, 5]);
  });

  test('of more than a day are forgotten although nobody has read them; younger ones are not', async () => {
    await table.put(4);
    makeOlder(86_400 + 60, 2);
    makeOlder(60, 4);
    forget(0, 100);
    expect(await table.read()).toEqual([3, 4]);
  });

  test('are numbered on although all but the newest were forgotten: a reader misses nothing that comes', async () => {
    await table.put(3);
    makeOlder(200_000, 3);
    forget(3);
    expect(await table.read()).toEqual([3]);
    await table.put(2);
    expect(await table.read()).toEqual([3, 4, 5]);
    expect(await table.read(10, 3)).toEqual([4, 5]);
  });

  test('wait for the engine, which may be writing, instead of keeping anybody waiting', async () => {
    await table.put(3);
    const busy = openDatabase(file(), 5_000);
    busy.exec('BEGIN IMMEDIATE');
    expect(records().forget(TABLE, 2, 0)).toBe(true);
    busy.exec('COMMIT');
    busy.close();
    forget(2);
    expect(await table.read()).toEqual([3]);
  });

  test('are indexed again after a restart, those of a version without an index too', async () => {
    await table.put(3);
    inFile((database) => database.exec('DROP INDEX _local_stream_order'));
    await engine.stop();
    engine = await startDynamoDb({ port: 0, portVariable: 'PORT', dataDir: directory });
    expect(
      inFile((database) => database.prepare("SELECT name FROM sqlite_master WHERE name LIKE '_local%'").all()),
    ).toHaveLength(1);
    table = await testTable(engine.endpoint, TABLE);
    await table.put(1);
    expect(await table.read()).toEqual([1, 2, 3, 4]);
  });
});

describe('an engine whose tables are other ones', () => {
  test.each([
    [
      'another column',
      'CREATE TABLE _stream_records (id, table_name, number, shard_id, created_at)',
      'it lacks sequence_number',
    ],
    ['no such table', 'CREATE TABLE streams (id)', 'it lacks id, table_name, sequence_number, shard_id, created_at'],
  ])('is told of once, and left as it is: %s', (_, schema, reason) => {
    const other = join(directory, 'other.sqlite');
    const database = openDatabase(other, 0);
    database.exec(schema);
    const problems: string[] = [];
    expect(openStreamRecords(other, (problem) => problems.push(problem))).toBeUndefined();
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain('gets slower with every write');
    expect(problems[0]).toContain(reason);
    expect(database.prepare("SELECT name FROM sqlite_master WHERE type = 'index'").all()).toEqual([]);
    database.close();
  });
});

describe('what all readers have passed', () => {
  const mapping = (eventSourceArn: string, passed?: () => number | undefined) => ({
    uuid: 'Mapping',
    eventSourceArn,
    functionName: 'reader',
    progress: undefined,
    passed,
  });
  const STREAM = 'arn:aws:dynamodb:us-east-1:000000000000:table/bookings/stream/2026';

  test.each([
    ['the slowest says', [mapping(STREAM, () => 7), mapping(STREAM, () => 5)], 5],
    ['nothing, if one has not begun', [mapping(STREAM, () => 7), mapping(STREAM, () => undefined)], 0],
    ['nothing, if one is disabled', [mapping(STREAM, () => 7), mapping(STREAM)], 0],
    [
      'nothing, if only another table’s stream is read',
      [mapping(STREAM.replace('bookings', 'other-bookings'), () => 7)],
      0,
    ],
    ['nothing, if nobody reads', [], 0],
  ])('is what %s', (_, mappings, passed) => {
    expect(passedByAll(mappings, 'bookings')).toBe(passed);
  });

  test('is forgotten while two readers read, and both get every record in order', async () => {
    const seen: number[][] = [[], []];
    const client = new AwsClient({ endpoint: engine.endpoint, service: 'dynamodb' });
    const sources = seen.map((numbers) => {
      const lambda = scriptedLambda(({ Records }: DynamoDBStreamEvent) => {
        numbers.push(...Records.map(({ dynamodb }) => Number(dynamodb?.SequenceNumber)));
      });
      return new StreamEventSource(client, lambda, {
        streamArn: table.streamArn,
        region: REGION,
        batchSize: 100,
        startingPosition: 'TRIM_HORIZON',
        filterPatterns: [],
        reportBatchItemFailures: true,
        bisectBatchOnError: true,
        maxRetryAttempts: 3,
        maxRecordAgeSeconds: -1,
        onDiscarded: undefined,
        checkpoints: new Map<string, string>(),
        onProblem: (problem) => {
          throw new Error(problem);
        },
      });
    });
    const mappings = sources.map((source) => ({ ...mapping(table.streamArn), passed: () => source.passed() }));
    const problems: string[] = [];
    const forgetting = new StreamForgetting(records(), mappings, (problem) => problems.push(problem), 10);
    for (const each of [...sources, forgetting]) each.start();
    const wanted = Array.from({ length: 300 }, (_, index) => index + 1);
    await table.put(wanted.length);
    await eventually(
      () => seen,
      (each) => each.every(({ length }) => length >= wanted.length),
    );
    const left = await eventually(
      () => table.read(1_000),
      (numbers) => numbers.length <= 10,
    );
    expect(left.at(-1)).toBe(300);
    for (const each of [...sources, forgetting]) await each.stop();
    client.destroy();
    expect(seen).toEqual([wanted, wanted]);
    expect(problems).toEqual([]);
  });
});
