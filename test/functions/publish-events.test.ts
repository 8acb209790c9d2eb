import { readFileSync } from 'node:fs';
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import type { DynamoDBRecord } from 'aws-lambda';
import { mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EventBus } from '../../functions/adapters/event-bus.ts';
import { COUNTS, METRICS } from '../../functions/contract.ts';
import type { BookingEvent } from '../../functions/core/booking-events.ts';
import { createHandler } from '../../functions/publish-events.ts';
import { BOOKINGS_SHAPE, tableShape } from '../../functions/table/shape.ts';
import { LOCAL_CREDENTIALS } from '../../local/engines.ts';
import { type PublishedEvent, startEventBus } from '../../local/event-bus.ts';
import { recordingDeadLetters } from '../support/dead-letters.ts';
import { image, streamEvent, streamRecord } from '../support/records.ts';
import { recordingTelemetry } from '../support/telemetry.ts';

const DEADLINE = 1_790_000_000_000;
let told: ReturnType<typeof recordingTelemetry>;
let dead: ReturnType<typeof recordingDeadLetters>;
beforeEach(() => {
  told = recordingTelemetry();
  dead = recordingDeadLetters();
});

/** The record of a booking that went from one status to another. */
const change = (
  bookingId: string,
  before: string,
  after: string,
  more: Record<string, unknown> = {},
): DynamoDBRecord => {
  const record = streamRecord({ bookingId, status: after, expiresAtMs: DEADLINE }, { bookingId, status: before });
  Object.assign(record.dynamodb?.NewImage ?? {}, more);
  return record;
};
const expired = (bookingId: string): DynamoDBRecord =>
  change(bookingId, 'PENDING', 'EXPIRED', { expiredAtMs: { N: String(DEADLINE + 3) }, expiredBy: { S: 'timer' } });

describe('on a bus that answers', () => {
  let bus: Awaited<ReturnType<typeof startEventBus>>;
  const events: PublishedEvent[] = [];
  const handle = (...records: DynamoDBRecord[]) => {
    const client = new EventBridgeClient({
      region: 'us-east-1',
      credentials: LOCAL_CREDENTIALS,
      endpoint: bus.endpoint,
    });
    return createHandler({
      bus: new EventBus(client, 'bookings'),
      telemetry: told.telemetry,
      shape: BOOKINGS_SHAPE,
      ...dead,
    })(streamEvent(...records));
  };
  beforeEach(async () => {
    events.length = 0;
    bus = await startEventBus({
      region: 'us-east-1',
      account: '000000000000',
      busNames: ['bookings'],
      onEvent: (event) => events.push(event),
    });
  });
  afterEach(() => bus.stop());

  test('an expired booking is told with its deadline, its lag and what its writer kept with it', async () => {
    const record = expired('seat-1');
    Object.assign(record.dynamodb?.NewImage ?? {}, { details: { M: { seat: { S: '7A' } } } });
    expect((await handle(record)).batchItemFailures).toEqual([]);
    expect(events).toMatchObject([
      {
        source: 'booking-expiry',
        'detail-type': 'BookingExpired',
        time: '2026-09-21T14:13:20.003Z',
        detail: {
          version: 1,
          eventId: `seat-1:EXPIRED:${DEADLINE + 3}`,
          bookingId: 'seat-1',
          expiresAt: '2026-09-21T14:13:20.000Z',
          expiredAt: '2026-09-21T14:13:20.003Z',
          lagMs: 3,
          expiredBy: 'timer',
          details: { seat: '7A' },
        },
      },
    ]);
    expect(told.counts).toEqual({ [COUNTS.published]: 1 });
  });

  test('the same record twice gives the same event id', async () => {
    await handle(expired('seat-1'));
    await handle(expired('seat-1'));
    const ids = events.map(({ detail }) => (detail as { eventId: string }).eventId);
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(1);
  });

  test('a change that left the status as it was is not told', async () => {
    await handle(change('seat-1', 'EXPIRED', 'EXPIRED'), change('seat-2', 'PENDING', 'PENDING'));
    expect(events).toEqual([]);
  });

  test('a booking that a foreign writer expired or settled is told with what is known', async () => {
    const record = change('seat-1', 'PENDING', 'EXPIRED');
    Object.assign(record.dynamodb ?? {}, {
      ApproximateCreationDateTime: DEADLINE / 1_000 + 60,
      NewImage: image({ bookingId: 'seat-1', status: 'EXPIRED' }),
    });
    await handle(record, change('seat-2', 'PENDING', 'CONFIRMED', { confirmedAtMs: { N: String(DEADLINE - 1) } }));
    expect(events.map(({ 'detail-type': type, detail }) => [type, detail])).toMatchObject([
      ['BookingExpired', { expiresAt: null, expiredAt: '2026-09-21T14:14:20.000Z' }],
      ['BookingConfirmed', { confirmedAt: '2026-09-21T14:13:19.999Z' }],
    ]);
  });

  test('a revived booking is told with its slots and when it was revived, and not as confirmed too', async () => {
    const revivedAtMs = { N: String(DEADLINE + 5_000) };
    const slotIds = { L: [{ S: 'friday/1' }, { S: 'friday/2' }] };
    const paidLate = { revivedAtMs, confirmedAtMs: revivedAtMs, slotIds };
    await handle(
      change('seat-1', 'EXPIRED', 'CONFIRMED', paidLate),
      change('seat-1', 'CONFIRMED', 'CONFIRMED', { ...paidLate, details: { M: {} } }),
    );
    expect(events.map(({ 'detail-type': type, detail }) => [type, detail])).toEqual([
      [
        'BookingRevived',
        {
          version: 1,
          eventId: `seat-1:REVIVED:${DEADLINE + 5_000}`,
          bookingId: 'seat-1',
          expiresAt: '2026-09-21T14:13:20.000Z',
          confirmedAt: '2026-09-21T14:13:25.000Z',
          revivedAt: '2026-09-21T14:13:25.000Z',
          slotIds: ['friday/1', 'friday/2'],
        },
      ],
    ]);
    const schema = JSON.parse(readFileSync(new URL('../../docs/booking-events.schema.json', import.meta.url), 'utf8'));
    expect(Object.keys(schema.properties)).toEqual(expect.arrayContaining(Object.keys(events[0]?.detail as object)));
  });

  test('25 events go in three requests, and only what the schema names is in them', async () => {
    await handle(...Array.from({ length: 25 }, (_, index) => expired(`many-${index}`)));
    expect(events).toHaveLength(25);
    const schema = JSON.parse(readFileSync(new URL('../../docs/booking-events.schema.json', import.meta.url), 'utf8'));
    const detail = events[0]?.detail as Record<string, unknown>;
    for (const name of schema.required) expect(detail).toHaveProperty(name);
    expect(Object.keys(schema.properties)).toEqual(expect.arrayContaining(Object.keys(detail)));
  });

  describe('A6: whatever a stranger keeps with a booking, the event is what the schema says', () => {
    const eventWith = async (details: unknown) => {
      await handle(change('strange', 'PENDING', 'EXPIRED', { details }));
      expect(events).toHaveLength(1);
      return events[0]?.detail as Record<string, unknown>;
    };

    test.each([
      ['text', { S: 'seat 7' }],
      ['a list', { L: [{ S: 'seat 7' }] }],
      ['a number', { N: '7' }],
      ['a set', { SS: ['a'] }],
      ['nothing', { NULL: true }],
    ])('details that are %s are no object, and are left out', async (_, details) => {
      expect(await eventWith(details)).not.toHaveProperty('details');
    });

    test('sets, binaries, long numbers and names of methods in them come through as JSON', async () => {
      const details = {
        M: {
          seats: { SS: ['7A', '7B'] },
          rows: { NS: ['1', '12345678901234567890'] },
          bytes: { B: 'AQI=' },
          price: { N: '19.90' },
          exact: { N: '0.12345678901234567890123456789012345678' },
          constructor: { M: { name: { S: 'String' } } },
          toJSON: { S: 'x' },
          ['__proto__']: { M: { polluted: { BOOL: true } } },
        },
      };
      expect((await eventWith(details)).details).toEqual(
        JSON.parse(
          '{"seats":["7A","7B"],"rows":[1,"12345678901234567890"],"bytes":"AQI=","price":19.9,' +
            '"exact":"0.12345678901234567890123456789012345678","constructor":{"name":"String"},"toJSON":"x",' +
            '"__proto__":{"polluted":true}}',
        ),
      );
    });

    test('details that make the event larger than the bus takes are left out, which it says; its batch mates are whole', async () => {
      const huge = { M: { text: { S: 'x'.repeat(300_000) } } };
      const records = [expired('small-1'), change('huge', 'PENDING', 'EXPIRED', { details: huge }), expired('small-2')];
      expect((await handle(...records)).batchItemFailures).toEqual([]);
      expect(events.map(({ detail }) => (detail as { bookingId: string }).bookingId).sort()).toEqual([
        'huge',
        'small-1',
        'small-2',
      ]);
      const detail = events
        .map((event) => event.detail as Record<string, unknown>)
        .find((each) => each.bookingId === 'huge');
      expect(detail).toMatchObject({ detailsOmitted: true });
      expect(detail).not.toHaveProperty('details');
    });

    test('characters that SQS refuses are escaped, so that a rule may send the event on to a queue', async () => {
      const detail = await eventWith({ M: { name: { S: '\uffff' } } });
      expect(detail.details).toEqual({ name: '\uffff' });
    });

    test('an item that is no booking is told of to nobody', async () => {
      const record = expired('x');
      Object.assign(record.dynamodb?.NewImage ?? {}, { bookingId: { N: '7' } });
      expect((await handle(record)).batchItemFailures).toEqual([]);
      expect(events).toEqual([]);
    });
  });

  test('large details are spread over as many requests as their size needs', async () => {
    const text = { M: { text: { S: 'x'.repeat(60_000) } } };
    const records = Array.from({ length: 9 }, (_, index) =>
      change(`large-${index}`, 'PENDING', 'EXPIRED', { details: text }),
    );
    await handle(...records);
    expect(events).toHaveLength(9);
  });
});

describe('an item of a table of another shape', () => {
  const shape = tableShape({
    key: { partition: 'event', sort: 'seat' },
    status: { pending: 'held', expired: 'free' },
    deadline: { attribute: 'until', unit: 'seconds' },
    onExpire: { remove: ['until'] },
  });
  const key = { event: { S: 'concert' }, seat: { S: '7A' } };
  const held = { ...key, status: { S: 'held' }, until: { N: '1800000000' } };
  const handle = async (before: Record<string, AttributeValue>, after: Record<string, AttributeValue>) => {
    const published: BookingEvent[] = [];
    const bus = {
      publish: async (events: readonly BookingEvent[]) => {
        published.push(...events);
        return [];
      },
    };
    const dynamodb = { SequenceNumber: '1', OldImage: before, NewImage: after };
    await createHandler({ bus, telemetry: told.telemetry, shape, ...dead })({
      Records: [{ dynamodb: dynamodb as DynamoDBRecord['dynamodb'] } as DynamoDBRecord],
    });
    return published.map(({ detail }) => detail);
  };
  const marked = { ...key, status: { S: 'free' }, expiredAtMs: { N: '1800000000002' }, expiredBy: { S: 'timer' } };

  test('is told of with its whole key, and with the deadline that the expiry removed', async () => {
    expect(await handle(held, marked)).toEqual([
      expect.objectContaining({
        bookingId: '["concert","7A"]',
        key: { event: 'concert', seat: '7A' },
        expiresAt: '2027-01-15T08:00:00.000Z',
        lagMs: 2,
      }),
    ]);
  });

  test('that its owner gave the same word by hand is not told of', async () => {
    expect(await handle(held, { ...key, status: { S: 'free' } })).toEqual([]);
    // The mark of an earlier expiry says nothing of this one.
    expect(
      await handle({ ...held, expiredAtMs: { N: '1' } }, { ...key, status: { S: 'free' }, expiredAtMs: { N: '1' } }),
    ).toEqual([]);
    expect(await handle({ ...key, status: { S: 'sold' } }, marked)).toEqual([]);
  });
});

describe('on a bus that fails', () => {
  const mockEventBridge = () => mockClient(EventBridgeClient);
  let eventbridge: ReturnType<typeof mockEventBridge>;
  const handle = (...records: DynamoDBRecord[]) => {
    const bus = new EventBus(new EventBridgeClient({ region: 'us-east-1' }), 'bookings');
    return createHandler({ bus, telemetry: told.telemetry, shape: BOOKINGS_SHAPE, ...dead })(streamEvent(...records));
  };
  beforeEach(() => {
    eventbridge = mockEventBridge();
  });
  afterEach(() => eventbridge.restore());

  test('an entry that fails is sent again alone', async () => {
    let calls = 0;
    eventbridge.on(PutEventsCommand).callsFake(({ Entries }: { Entries: { Detail: string }[] }) => {
      calls += 1;
      return {
        Entries: Entries.map((_, index) =>
          calls === 1 && index === 1 ? { ErrorCode: 'ThrottlingException' } : { EventId: `${calls}-${index}` },
        ),
      };
    });
    expect((await handle(expired('a'), expired('b'), expired('c'))).batchItemFailures).toEqual([]);
    const sizes = eventbridge.commandCalls(PutEventsCommand).map(({ args }) => args[0].input.Entries?.length);
    expect(sizes).toEqual([3, 1]);
  });

  test('a record whose event stays unpublished is reported, and no other', async () => {
    eventbridge.on(PutEventsCommand).callsFake(({ Entries }: { Entries: { Detail: string }[] }) => ({
      Entries: Entries.map(({ Detail }) =>
        Detail.includes('"bookingId":"b"') ? { ErrorCode: 'InternalFailure', ErrorMessage: 'sorry' } : { EventId: 'x' },
      ),
    }));
    const failing = expired('b');
    const { batchItemFailures } = await handle(expired('a'), failing, expired('c'));
    expect(batchItemFailures).toEqual([{ itemIdentifier: failing.dynamodb?.SequenceNumber }]);
    expect(told.counts).toEqual({ [COUNTS.published]: 2, [COUNTS.publishFailed]: 1 });
  });

  test('an event that the bus will never take is a dead letter, and keeps nobody waiting', async () => {
    eventbridge.on(PutEventsCommand).callsFake(({ Entries }: { Entries: { Detail: string }[] }) => {
      if (Entries.some(({ Detail }) => Detail.includes('"bookingId":"b"'))) {
        throw Object.assign(new Error('Detail is not valid'), { name: 'ValidationException', $metadata: {} });
      }
      return { Entries: Entries.map(() => ({ EventId: 'x' })) };
    });
    expect((await handle(expired('a'), expired('b'), expired('c'))).batchItemFailures).toEqual([]);
    expect(told.counts).toEqual({ [COUNTS.published]: 2, [METRICS.unprocessable]: 1 });
    expect(dead.letters).toMatchObject([
      { body: { bookingId: 'b' }, reason: 'ValidationException: Detail is not valid' },
    ]);
  });

  test('a record that was done is not told again because one before it failed', async () => {
    let isDown = true;
    eventbridge.on(PutEventsCommand).callsFake(({ Entries }: { Entries: { Detail: string }[] }) => ({
      Entries: Entries.map(({ Detail }) =>
        isDown && Detail.includes('"bookingId":"a"') ? { ErrorCode: 'InternalFailure' } : { EventId: 'x' },
      ),
    }));
    const bus = new EventBus(new EventBridgeClient({ region: 'us-east-1' }), 'bookings');
    const handler = createHandler({ bus, telemetry: told.telemetry, shape: BOOKINGS_SHAPE, ...dead });
    const records = streamEvent(expired('a'), expired('b'));
    expect((await handler(records)).batchItemFailures).toHaveLength(1);
    isDown = false;
    expect((await handler(records)).batchItemFailures).toEqual([]);
    expect(told.counts[COUNTS.published]).toBe(2);
  });

  test('all records are reported when the bus cannot be reached', async () => {
    eventbridge.on(PutEventsCommand).rejects(new Error('connect ECONNREFUSED'));
    expect((await handle(expired('a'), expired('b'))).batchItemFailures).toHaveLength(2);
  });
});
