/** Bad input in bulk: whatever comes, nothing crashes, and each input is either worked on or refused with a reason. */

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import type { DynamoDBRecord } from 'aws-lambda';
import fc from 'fast-check';
import type { Hono } from 'hono';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isPermanent } from '../../functions/adapters/permanent-error.ts';
import { createBookingsApi } from '../../functions/api/bookings-api.ts';
import { decodeCursor, encodeCursor } from '../../functions/api/cursor.ts';
import type { RequestBindings } from '../../functions/api/request.ts';
import { decodeTimer, encodeTimer, MalformedTimerError } from '../../functions/core/expiry-timer.ts';
import { EARLIEST_DEADLINE_MS, LATEST_DEADLINE_MS } from '../../functions/core/hold-time.ts';
import { sweep } from '../../functions/core/sweep.ts';
import { createHandler as createExpire } from '../../functions/expire-booking.ts';
import { createHandler as createPublish } from '../../functions/publish-events.ts';
import { createHandler as createSchedule } from '../../functions/schedule-expiry.ts';
import { BOOKINGS_SHAPE } from '../../functions/table/shape.ts';
import { bookingsApiPorts } from '../support/bookings-api.ts';
import { recordingDeadLetters } from '../support/dead-letters.ts';
import { type Engines, SHARD_COUNT, startEngines } from '../support/engines.ts';
import { sqsEvent } from '../support/records.ts';
import { recordingTelemetry } from '../support/telemetry.ts';

/** FUZZ=10 tries ten times as many inputs. */
const TIMES = Number(process.env.FUZZ ?? 1);
const NOW_MS = 1_800_000_000_000;
const SETTINGS = { timerLeadMs: 1_000, sweepIntervalMs: 300_000 };

/** Text that is near to what is wanted, or far from it. */
const nearlyTimer = fc
  .record(
    {
      v: fc.oneof(fc.constant(1), fc.anything()),
      bookingId: fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.anything()),
      expiresAtMs: fc.oneof(fc.integer({ min: NOW_MS - 1e9, max: NOW_MS + 1e9 }), fc.double(), fc.anything()),
    },
    { requiredKeys: [] },
  )
  .map((value) => {
    try {
      return JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part)) ?? 'undefined';
    } catch {
      return 'not JSON';
    }
  });
const body = fc.oneof(nearlyTimer, fc.json(), fc.string(), fc.string({ unit: 'binary' }));

/** Values as DynamoDB may hold them. */
const attribute: fc.Arbitrary<AttributeValue> = fc.oneof(
  fc.string().map((S) => ({ S })),
  fc
    .oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constant(NOW_MS + 60_000))
    .map((number) => ({
      N: String(Math.abs(number) > 1e120 || (number !== 0 && Math.abs(number) < 1e-120) ? 1 : number),
    })),
  fc.boolean().map((BOOL) => ({ BOOL })),
  fc.constant({ NULL: true }),
  fc
    .array(
      fc.string().map((S) => ({ S })),
      { maxLength: 3 },
    )
    .map((L) => ({ L })),
  fc
    .dictionary(
      fc.string({ minLength: 1 }),
      fc.string().map((S) => ({ S })),
      { maxKeys: 3 },
    )
    .map((M) => ({ M })),
);
const image = fc.record(
  {
    bookingId: fc.oneof(
      { weight: 4, arbitrary: fc.string({ minLength: 1 }).map((S) => ({ S })) },
      { weight: 1, arbitrary: attribute },
    ),
    status: fc.oneof(
      fc.constantFrom('PENDING', 'CONFIRMED', 'CANCELLED', 'EXPIRED').map((S) => ({ S })),
      attribute,
    ),
    expiresAtMs: attribute,
    holdStartedAtMs: attribute,
    pendingShard: attribute,
    expiredAtMs: attribute,
    expiredBy: attribute,
    confirmedAtMs: attribute,
    details: attribute,
    other: attribute,
  },
  { requiredKeys: [] },
) as fc.Arbitrary<Record<string, AttributeValue>>;
const streamRecords = fc.array(
  fc.record({ NewImage: image, OldImage: fc.option(image, { nil: undefined }) }, { requiredKeys: [] }),
  { minLength: 1, maxLength: 5 },
);
const recordsOf = (changes: object[]): DynamoDBRecord[] =>
  changes.map((dynamodb, index) => ({
    eventName: 'MODIFY',
    dynamodb: { ...dynamodb, SequenceNumber: String(index + 1), ApproximateCreationDateTime: NOW_MS / 1_000 },
  })) as DynamoDBRecord[];

describe('timers', () => {
  test('are read, or refused as malformed and as nothing else', () => {
    fc.assert(
      fc.property(body, (text) => {
        try {
          const { bookingId, expiresAtMs } = decodeTimer(text);
          expect(bookingId).not.toBe('');
          expect(expiresAtMs).toBeGreaterThanOrEqual(EARLIEST_DEADLINE_MS);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedTimerError);
        }
      }),
      { numRuns: 10_000 * TIMES },
    );
  });

  test('are what they were after encoding and decoding', () => {
    const bookingId = fc.string({ minLength: 1, maxLength: 500 });
    const expiresAtMs = fc.integer({ min: EARLIEST_DEADLINE_MS, max: LATEST_DEADLINE_MS });
    fc.assert(
      fc.property(fc.record({ bookingId, expiresAtMs }), (timer) => {
        expect(decodeTimer(encodeTimer(timer))).toEqual(timer);
      }),
      { numRuns: 5_000 * TIMES },
    );
  });

  test('of any content are each expired, sent again or a dead letter, and never break their batch', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(body, { minLength: 1, maxLength: 10 }), async (bodies) => {
        const handled = new Set<string>();
        const { deadLetters, letters } = recordingDeadLetters();
        const handle = createExpire({
          store: {
            glimpse: async () => new Map(),
            expire: async (ids) => {
              for (const id of ids) handled.add(id);
              return new Map(ids.map((id) => [id, { kind: 'expired', expiredAtMs: NOW_MS }]));
            },
          },
          queue: {
            send: async (timers) => {
              for (const { timer } of timers) handled.add(timer.bookingId);
              return [];
            },
            retryIn: async () => {},
          },
          deadLetters,
          clock: () => NOW_MS,
          waitUntil: async () => {},
          telemetry: recordingTelemetry().telemetry,
          timerLeadMs: 1_000,
          shape: BOOKINGS_SHAPE,
        });
        const event = sqsEvent(...bodies);
        const { batchItemFailures } = await handle(event);
        const idIn = (text: string): string | undefined => {
          try {
            return decodeTimer(text).bookingId;
          } catch {
            return undefined;
          }
        };
        expect(batchItemFailures).toEqual([]);
        expect(letters.map(({ body: buried }) => buried)).toEqual(bodies.filter((each) => idIn(each) === undefined));
        expect(handled).toEqual(new Set(bodies.flatMap((each) => idIn(each) ?? [])));
      }),
      { numRuns: 3_000 * TIMES },
    );
  });
});

describe('stream records', () => {
  const store = { adopt: async () => new Map() };
  const queue = { send: async () => [] };
  const { deadLetters, letters } = recordingDeadLetters();

  test('of any content are scheduled, counted or left alone by schedule-expiry', async () => {
    await fc.assert(
      fc.asyncProperty(streamRecords, async (changes) => {
        const { telemetry } = recordingTelemetry();
        const ports = {
          store,
          queue,
          deadLetters,
          telemetry,
          clock: () => NOW_MS,
          shape: BOOKINGS_SHAPE,
          shardCount: SHARD_COUNT,
          settings: SETTINGS,
        };
        await expect(createSchedule(ports)({ Records: recordsOf(changes) })).resolves.toEqual({
          batchItemFailures: [],
        });
        expect(letters).toEqual([]);
      }),
      { numRuns: 5_000 * TIMES },
    );
  });

  test('of any content are told or left alone by publish-events, and what is told can be read', async () => {
    await fc.assert(
      fc.asyncProperty(streamRecords, async (changes) => {
        const bus = {
          publish: async (events: readonly { detail: object }[]) => {
            for (const { detail } of events) expect(JSON.parse(JSON.stringify(detail))).toHaveProperty('eventId');
            return [];
          },
        };
        const handle = createPublish({
          bus,
          deadLetters,
          telemetry: recordingTelemetry().telemetry,
          shape: BOOKINGS_SHAPE,
        });
        await expect(handle({ Records: recordsOf(changes) })).resolves.toEqual({ batchItemFailures: [] });
      }),
      { numRuns: 5_000 * TIMES },
    );
  });
});

describe('with the engines', () => {
  let engines: Engines;
  let api: Hono<{ Bindings: RequestBindings }>;
  beforeAll(async () => {
    engines = await startEngines();
    api = createBookingsApi(bookingsApiPorts(engines, () => NOW_MS));
  });
  afterAll(() => engines.stop());

  const ask = async (path: string, init: RequestInit = {}): Promise<Response> =>
    api.request(`http://127.0.0.1${path}`, init, { caller: 'me', remainingMs: () => 25_000 });

  test('requests of any kind are answered with less than 500, and refusals with their reason', async () => {
    const path = fc.oneof(
      fc.constantFrom(
        '/api/v1/bookings',
        '/api/v1/bookings/b-1',
        '/api/v1/bookings/b-1/confirm',
        '/api/v1/openapi.json',
      ),
      fc.constantFrom('/api/v1/bookings/b-1/extend', '/api/v1/bookings/b-1/cancel', '/api/v1/cron/expire-bookings'),
      fc.webPath().map((rest) => `/api/v1/bookings${rest}`),
      fc.webPath(),
      fc
        .record({ status: fc.string(), limit: fc.string(), cursor: fc.string() }, { requiredKeys: [] })
        .map((query) => `/api/v1/bookings?${new URLSearchParams(query as Record<string, string>)}`),
    );
    const content = fc.oneof(
      fc.json(),
      fc.string(),
      fc
        .record(
          {
            bookingId: fc.oneof(fc.constant('b-1'), fc.string(), fc.anything()),
            holdSeconds: fc.oneof(fc.integer({ min: 1, max: 100_000 }), fc.double(), fc.anything()),
            expiresAt: fc.oneof(
              fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
              fc.string(),
            ),
            details: fc.object(),
          },
          { requiredKeys: [] },
        )
        .map((value) => JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part)) ?? ''),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'),
        path,
        content,
        fc.constantFrom('application/json', 'text/plain', ''),
        async (method, target, text, type) => {
          const hasBody = method !== 'GET';
          const headers = { ...(type && hasBody && { 'content-type': type }) };
          const response = await ask(target, { method, headers, ...(hasBody && { body: text }) });
          expect(response.status, `${method} ${target} ${text}`).toBeLessThan(500);
          if (response.status >= 400) expect(await response.json()).toHaveProperty('title');
        },
      ),
      { numRuns: 2_000 * TIMES },
    );
  });

  test('items of any content in the table break neither a sweep nor a read nor a list, and none expires unless it is due', async () => {
    const key = fc.uuid().map((id) => `fuzz-${id}`);
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(key, image, async (id, item) => {
        const Item: Record<string, AttributeValue> = { ...item, bookingId: { S: id } };
        // What is a key of the index must be a number, for DynamoDB itself: mostly it is, so that most items get in.
        for (const name of ['expiresAtMs', 'pendingShard']) {
          if (Item[name] && !('N' in Item[name]) && id < 'fuzz-e') delete Item[name];
        }
        // The engine refuses what its index cannot take, as DynamoDB does: then there is no such item.
        const isStored = await engines.rawClient.send(new PutItemCommand({ TableName: engines.table, Item })).then(
          () => true,
          () => false,
        );
        if (!isStored) return;
        accepted += 1;
        expect((await ask(`/api/v1/bookings/${id}`)).status).toBeLessThan(500);
      }),
      { numRuns: 500 * TIMES },
    );
    expect(accepted).toBeGreaterThan(250 * TIMES);
    for (const status of ['PENDING', 'OVERDUE']) {
      expect((await ask(`/api/v1/bookings?status=${status}`)).status).toBe(200);
    }
    const { errors } = await sweep(
      { store: engines.held, index: engines.index, clock: () => NOW_MS, isPermanent },
      { overdueAfterMs: 0, settings: SETTINGS, mayContinue: () => true },
    );
    expect(errors).toEqual([]);
    const { Items = [] } = await engines.rawClient.send(new ScanCommand({ TableName: engines.table }));
    for (const { status, expiresAtMs, expiredBy } of Items) {
      if (status?.S !== 'EXPIRED' || expiredBy?.S !== 'sweep') continue;
      expect(Number(expiresAtMs?.N)).toBeGreaterThanOrEqual(EARLIEST_DEADLINE_MS);
      expect(Number(expiresAtMs?.N)).toBeLessThanOrEqual(NOW_MS);
    }
  });
});

describe('cursors', () => {
  test('are what they were after encoding and decoding', () => {
    const positions = fc.dictionary(
      fc.nat(199).map(String),
      fc.tuple(
        fc.integer({ min: EARLIEST_DEADLINE_MS, max: LATEST_DEADLINE_MS }).map(String),
        fc.string({ minLength: 1, maxLength: 50 }),
      ),
    );
    fc.assert(
      fc.property(positions, (after) => {
        expect(decodeCursor(encodeCursor(after as never))).toEqual({ ...after });
      }),
      { numRuns: 2_000 * TIMES },
    );
  });

  test('of any other text are none', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String()), (text) => {
        const decoded = decodeCursor(text);
        if (decoded !== undefined) expect(decodeCursor(encodeCursor(decoded))).toEqual(decoded);
      }),
      { numRuns: 5_000 * TIMES },
    );
  });
});

describe('commands', () => {
  const run = (script: string, args: readonly string[]) =>
    new Promise<{ code: number | null; err: string }>((resolve) => {
      const child = spawn(
        process.execPath,
        [fileURLToPath(new URL(`../../commands/${script}`, import.meta.url)), ...args],
        {
          // Nothing listens there: what passes the options ends at the connection.
          env: {
            ...process.env,
            AWS_ENDPOINT_URL: 'http://127.0.0.1:9',
            AWS_ACCESS_KEY_ID: 'x',
            AWS_SECRET_ACCESS_KEY: 'x',
          },
          stdio: ['ignore', 'ignore', 'pipe'],
          timeout: 20_000,
        },
      );
      let err = '';
      child.stderr.on('data', (chunk) => {
        err += chunk;
      });
      child.once('close', (code) => resolve({ code, err }));
    });
  const word = fc.oneof(
    fc.constantFrom(
      '--limit',
      '--bookings',
      '--json',
      '--overdue',
      '--next',
      '--table',
      'create',
      'get',
      'list',
      '--',
      '-x',
    ),
    fc.constantFrom('--hold-seconds', '--expires-at', '--details', '{}', '{"a":', '0', '-1', '1e9', '--shard-count'),
    fc.string().filter((text) => !text.includes('\0')),
  );

  test(
    'end with 0, 1 or 2 whatever they are given, and say why',
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom('bookings.ts', 'status.ts', 'expire-bookings.ts', 'measure-lag.ts'),
          fc.array(word, { maxLength: 5 }),
          async (script, words) => {
            const { code, err } = await run(script, ['--table', 'no-such-table', '--region', 'us-east-1', ...words]);
            expect([0, 1, 2], `${script} ${words.join(' ')}: ${err}`).toContain(code);
            if (code !== 0) expect(err).toMatch(/^(bookings|status|expire-bookings|measure-lag): /);
            expect(err).not.toContain('    at ');
          },
        ),
        { numRuns: 25 * TIMES },
      );
    },
    240_000 * TIMES,
  );
});
