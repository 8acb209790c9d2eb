/** Notices on the bus and by webhook: the synthesized template on the local runtime, on real time. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BookingStore } from '../../functions/adapters/booking-store.ts';
import type { BookingEventDetail } from '../../functions/core/booking-events.ts';
import type { PublishedEvent } from '../../local/event-bus.ts';
import { PROJECT_DIRECTORY, synthesize } from '../../service/project.ts';
import { type OwnRuntime, startOwnRuntime } from '../../service/service.ts';
import { eventually } from '../support/lambda.ts';
import { type Receiver, startReceiver } from '../support/receiver.ts';
import { bookingStoreAt } from '../support/store.ts';

const SECOND_MS = 1_000;
const NOTICE_MS = 10 * SECOND_MS;
const DAY_MS = 86_400 * SECOND_MS;
const DIRECTORY = join(PROJECT_DIRECTORY, '.local', 'test-notices');

type Heard = PublishedEvent & { readonly detail: BookingEventDetail; readonly atMs: number };

let receiver: Receiver;
let runtime: OwnRuntime;
let store: BookingStore;
const events: Heard[] = [];

beforeAll(async () => {
  receiver = await startReceiver();
  await synthesize(DIRECTORY, { webhookUrl: receiver.url, noticeBeforeSeconds: String(NOTICE_MS / SECOND_MS) });
  runtime = await startOwnRuntime({
    assemblyDirectory: DIRECTORY,
    schedulePeriodMs: 'never',
    onEvent: (event) => events.push({ ...(event as Heard), atMs: Date.now() }),
  });
  store = bookingStoreAt(runtime.dynamodbEndpoint, runtime.outputs.BookingsTableName ?? '', 10);
});
afterAll(async () => {
  await runtime.stop();
  await receiver.stop();
  rmSync(DIRECTORY, { recursive: true, force: true });
});

const heardOf = (bookingId: string, type = 'BookingExpiring'): Heard[] =>
  events.filter((event) => event['detail-type'] === type && event.detail.bookingId === bookingId);
const create = (bookingId: string, holdMs: number, startedAgoMs = 0) =>
  store.create({ bookingId, holdMs }, Date.now() - startedAgoMs);

test('near and far holds get their notice in time, and nobody else does', async () => {
  await create('near', 22 * SECOND_MS);
  await create('paid', 22 * SECOND_MS);
  await create('extended', 22 * SECOND_MS);
  await create('short', 2 * NOTICE_MS - SECOND_MS);
  // Held for a day, and near its end: only a sweep knows of it.
  await create('far', DAY_MS, DAY_MS - 22 * SECOND_MS);
  expect((await store.confirm('paid', Date.now())).kind).toBe('moved');
  expect((await store.extend('extended', 40 * SECOND_MS, Date.now())).kind).toBe('moved');
  await runtime.fireSchedules();
  for (const bookingId of ['near', 'far']) {
    const [notice] = await eventually(
      () => heardOf(bookingId),
      ({ length }) => length > 0,
    );
    const { expiresAtMs = 0 } = (await store.get(bookingId)) ?? {};
    const lagMs = (notice?.atMs ?? 0) - (expiresAtMs - NOTICE_MS);
    console.log(`${bookingId}: its notice came ${lagMs} ms after its time`);
    expect(lagMs).toBeGreaterThanOrEqual(-SECOND_MS);
    expect(lagMs).toBeLessThan(5 * SECOND_MS);
    expect(notice?.detail.expiresAt).toBe(new Date(expiresAtMs).toISOString());
  }
  // By the time that these have expired, a notice of theirs would have come.
  for (const bookingId of ['near', 'far', 'short']) {
    await eventually(
      () => heardOf(bookingId, 'BookingExpired'),
      ({ length }) => length > 0,
    );
  }
  expect(heardOf('short')).toEqual([]);
  expect(heardOf('paid')).toEqual([]);
  // The notice of its new deadline is the only one.
  await eventually(
    () => heardOf('extended', 'BookingExpired'),
    ({ length }) => length > 0,
  );
  const { expiresAtMs = 0 } = (await store.get('extended')) ?? {};
  expect(new Set(heardOf('extended').map(({ detail }) => detail.eventId))).toEqual(
    new Set([`extended:EXPIRING:${expiresAtMs}`]),
  );
  const types = receiver.received.map(({ body }) => JSON.parse(body)).filter(({ data }) => data.bookingId === 'near');
  expect(types.map(({ type }) => type)).toEqual(['BookingExpiring', 'BookingExpired']);
});
