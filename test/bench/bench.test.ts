import { DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { describe, expect, test } from 'vitest';
import { billOf, type Measured } from '../../bench/bill.ts';
import { startMeter } from '../../bench/meter.ts';
import { lagOfCron } from '../../bench/peer-runs/cron.ts';
import { textTable } from '../../bench/report.ts';
import { clockOffset, goByOffset } from '../../local/moved-clock.ts';
import { PRICES } from '../../measure/prices.ts';
import { startEngines } from '../support/engines.ts';
import { patientClient } from '../support/store.ts';

describe('the bill', () => {
  const measured: Measured = {
    bookings: 10,
    sqs: {
      SendMessageBatch: { requests: 1, writeUnits: 0, readUnits: 0 },
      ReceiveMessage: { requests: 2, writeUnits: 0, readUnits: 0 },
    },
    dynamodb: { BatchExecuteStatement: { requests: 1, writeUnits: 20, readUnits: 0 } },
    lambdas: {
      ExpireBookingFunction: { invocations: 1, billedMs: 1_000, gbSeconds: 0.2 },
      PublishEventsFunction: { invocations: 1, billedMs: 10, gbSeconds: 0 },
    },
  };

  test('adds up what each part used, at its price', () => {
    const { usdPerMillion } = billOf(measured, 0, 1);
    const perBooking =
      3 * PRICES.writeUnit + 0.3 * PRICES.sqsRequest + 0.1 * PRICES.lambdaRequest + 0.02 * PRICES.lambdaGbSecond;
    expect(usdPerMillion).toBeCloseTo(perBooking * 1e6, 9);
  });

  test('adds the event of each expiry and the Lambda that tells it separately', () => {
    const { usdPerMillion, withEvents } = billOf(measured, 0, 1);
    expect(withEvents - usdPerMillion).toBeCloseTo((PRICES.event + 0.1 * PRICES.lambdaRequest) * 1e6, 9);
  });

  test('charges a long hold for the storage of its index entry', () => {
    const month = 730 * 3_600_000;
    expect(billOf(measured, month, 1).usdPerMillion - billOf(measured, 0, 1).usdPerMillion).toBeCloseTo(0.05, 3);
  });
});

test('a cron job every 5 minutes is 150 s late on average and never more than 300', () => {
  const lagsMs = lagOfCron([1_800_000_000_000, 1_800_000_123_456], 1);
  expect(lagsMs.reduce((sum, lagMs) => sum + lagMs, 0) / lagsMs.length).toBeCloseTo(150_000, -4);
  expect(Math.max(...lagsMs)).toBeLessThan(300_000);
  expect(Math.min(...lagsMs)).toBeGreaterThanOrEqual(0);
});

test('a meter counts requests and the capacity that the engine charged, and changes nothing', async () => {
  const engines = await startEngines();
  const meter = await startMeter(engines.dynamodb.endpoint);
  try {
    const client = DynamoDBDocumentClient.from(patientClient(meter.endpoint));
    const Item = { bookingId: 'metered', status: 'PENDING', expiresAtMs: Date.now(), pendingShard: 1 };
    await client.send(new PutCommand({ TableName: engines.table, Item }));
    const { Item: found } = await client.send(
      new GetCommand({ TableName: engines.table, Key: { bookingId: 'metered' }, ConsistentRead: true }),
    );
    expect(found).toEqual(Item);
    expect(meter.usage()).toEqual({
      PutItem: { requests: 1, writeUnits: 2, readUnits: 0 },
      GetItem: { requests: 1, writeUnits: 0, readUnits: 1 },
    });
  } finally {
    await meter.stop();
    await engines.stop();
  }
});

test('a clock that is moved moves Date, and only until it is put back', () => {
  const offset = clockOffset(-60_000);
  const systemMs = Date.now();
  const putBack = goByOffset(offset);
  try {
    expect(Date.now() - systemMs).toBeLessThan(-59_000);
    offset[0] = 86_400_000;
    expect(new Date().toISOString()).toBe(new Date(Date.now()).toISOString());
    expect(Date.now() - systemMs).toBeGreaterThan(86_000_000);
    expect(new Date(0).toISOString()).toBe('1970-01-01T00:00:00.000Z');
  } finally {
    putBack();
  }
  expect(Date.now() - systemMs).toBeLessThan(60_000);
});

test('a table shows numbers to the right and three digits of fractions', () => {
  expect(
    textTable(
      ['what', 'ms'],
      [
        ['a', 1.23456],
        ['long name', 12_345],
      ],
    ),
  ).toBe(['what       ms', '─────────  ──────', 'a            1.23', 'long name  12,345'].join('\n'));
});
