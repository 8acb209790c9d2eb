/** What every released version left behind keeps working: items, timers in the queue, stream records, events, state. */

import { readdirSync, readFileSync } from 'node:fs';
import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sweepScheduling } from '../../functions/adapters/sweep-scheduling.ts';
import { createBookingsApi } from '../../functions/api/bookings-api.ts';
import { decodeTimer } from '../../functions/core/expiry-timer.ts';
import { createHandler as createExpire } from '../../functions/expire-booking.ts';
import { createHandler as createPublish } from '../../functions/publish-events.ts';
import { createHandler as createSchedule } from '../../functions/schedule-expiry.ts';
import { BOOKINGS_SHAPE } from '../../functions/table/shape.ts';
import { bookingsApiPorts } from '../support/bookings-api.ts';
import { recordingDeadLetters } from '../support/dead-letters.ts';
import { type Engines, startEngines } from '../support/engines.ts';
import { sqsEvent } from '../support/records.ts';
import { recordingTelemetry } from '../support/telemetry.ts';
import { NOW_MS, type Release, SETTINGS, SHARD_COUNT } from './record.ts';

const releases = readdirSync(new URL('.', import.meta.url))
  .filter((name) => name.endsWith('.json'))
  .map((name) => JSON.parse(readFileSync(new URL(`./${name}`, import.meta.url), 'utf8')) as Release);

test('this version has been written down', () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  expect(releases.map((release) => release.version)).toContain(version);
});

describe.each(releases)('what version $version left behind', (release) => {
  let engines: Engines;
  beforeAll(async () => {
    engines = await startEngines();
    for (const Item of release.items) {
      await engines.rawClient.send(new PutItemCommand({ TableName: engines.table, Item: Item as never }));
    }
    for (const Item of release.sweepState) {
      await engines.rawClient.send(new PutItemCommand({ TableName: engines.sweepState.name, Item: Item as never }));
    }
  });
  afterAll(() => engines.stop());

  test('stream records make the same timers and the same events', async () => {
    const { telemetry } = recordingTelemetry();
    const sent: { bookingId: string; expiresAtMs: number }[] = [];
    const queue = {
      send: async (timers: readonly { timer: (typeof sent)[number] }[]) => {
        sent.push(...timers.map(({ timer }) => timer));
        return [];
      },
    };
    const pending = release.records.filter(({ dynamodb }) => dynamodb?.NewImage?.status?.S === 'PENDING');
    const handle = createSchedule({
      store: { adopt: async () => new Map() },
      queue,
      deadLetters: recordingDeadLetters().deadLetters,
      clock: () => NOW_MS,
      telemetry,
      shape: BOOKINGS_SHAPE,
      shardCount: SHARD_COUNT,
      settings: SETTINGS,
    });
    expect(await handle({ Records: pending })).toEqual({ batchItemFailures: [] });
    expect(sent).toEqual(release.timers.map(decodeTimer));

    const eventIds: string[] = [];
    const bus = {
      publish: async (events: readonly { detail: { eventId: string } }[]) => {
        eventIds.push(...events.map(({ detail }) => detail.eventId));
        return [];
      },
    };
    await createPublish({ bus, telemetry, deadLetters: recordingDeadLetters().deadLetters, shape: BOOKINGS_SHAPE })({
      Records: release.records,
    });
    expect(eventIds).toEqual(release.eventIds);
  });

  test('requests are recognized when they are repeated', async () => {
    const api = createBookingsApi(bookingsApiPorts(engines, () => NOW_MS));
    const bindings = { caller: 'customer', remainingMs: () => 25_000 };
    for (const { body, headers, bookingId } of release.requests) {
      const response = await api.request('/api/v1/bookings', { method: 'POST', headers, body }, bindings);
      expect(response.status, bookingId).toBe(200);
      expect(JSON.parse(await response.text())).toMatchObject({ bookingId });
    }
    const page = await api.request(`/api/v1/bookings?status=PENDING&limit=2&cursor=${release.cursor}`, {}, bindings);
    const { bookings } = JSON.parse(await page.text());
    expect(bookings.map(({ bookingId }: { bookingId: string }) => bookingId)).toEqual(release.afterCursor);
  });

  test('the sweep goes on from where it had come to', async () => {
    const scheduling = sweepScheduling(engines.queue, engines.sweepState);
    expect((await scheduling.readState()).scheduledThroughMs).toBe(NOW_MS + 14 * 60_000);
  });

  test('timers in the queue expire what is still unpaid, and nothing else', async () => {
    const deadlines = release.timers.map((body) => decodeTimer(body).expiresAtMs);
    const handle = createExpire({
      store: engines.held,
      queue: engines.queue,
      deadLetters: engines.deadLetters,
      clock: () => Math.max(...deadlines),
      waitUntil: async () => {},
      telemetry: recordingTelemetry().telemetry,
      timerLeadMs: SETTINGS.timerLeadMs,
      shape: BOOKINGS_SHAPE,
    });
    expect(await handle(sqsEvent(...release.timers))).toEqual({ batchItemFailures: [] });
    const statuses = Object.fromEntries(
      await Promise.all(
        ['near', 'far', 'paid', 'given-up', 'extended', 'lapsed', 'foreign'].map(async (bookingId) => [
          bookingId,
          (await engines.store.get(bookingId))?.status,
        ]),
      ),
    );
    expect(statuses).toEqual({
      near: 'EXPIRED',
      far: 'PENDING',
      paid: 'CONFIRMED',
      'given-up': 'CANCELLED',
      extended: 'EXPIRED',
      lapsed: 'EXPIRED',
      foreign: 'EXPIRED',
    });
  });
});
