/** An engine that the operator runs (DYNAMODB_ENDPOINT) outlives the runtime, and so does the position in its streams. */
import { afterEach, expect, test, vi } from 'vitest';
import type { BookingStore } from '../../functions/adapters/booking-store.ts';
import type { BookingEventDetail } from '../../functions/core/booking-events.ts';
import { type Engine, startDynamoDb } from '../../local/engines.ts';
import { openDynamoDb } from '../../local/open-engines.ts';
import { type OwnRuntime, startOwnRuntime } from '../../service/service.ts';
import { eventually } from '../support/lambda.ts';
import { bookingStoreAt } from '../support/store.ts';
import { TEST_ASSEMBLY } from '../support/synthesize.ts';

let engine: Engine | undefined;
let runtime: OwnRuntime | undefined;
afterEach(async () => {
  await runtime?.stop();
  await engine?.stop();
  vi.unstubAllEnvs();
});
const use = (started: Engine): void => {
  engine = started;
  vi.stubEnv('DYNAMODB_ENDPOINT', started.endpoint);
};

const storeOf = (table: string) => bookingStoreAt(engine?.endpoint ?? '', table, 10);

/** A runtime that runs until these bookings were told of. Which ones it told of, and its table. */
const run = async (before: (store: BookingStore) => Promise<unknown>, ...bookingIds: string[]) => {
  const told: string[] = [];
  runtime = await startOwnRuntime({
    assemblyDirectory: TEST_ASSEMBLY,
    schedulePeriodMs: 'never',
    onEvent: ({ detail }) => told.push((detail as BookingEventDetail).bookingId),
  });
  const table = runtime.outputs.BookingsTableName ?? '';
  await before(storeOf(table));
  await eventually(
    () => told,
    (ids) => bookingIds.every((bookingId) => ids.includes(bookingId)),
    30_000,
  );
  await runtime.stop();
  return { told, table };
};
const create = (bookingId: string) => (store: BookingStore) => store.create({ bookingId, holdMs: 1_500 }, Date.now());

test('each start goes on in the stream where the last one ended', async () => {
  use(await openDynamoDb());
  const first = await run(create('first'), 'first');
  // Written while nothing reads the stream.
  await create('between')(storeOf(first.table));
  const second = await run(create('second'), 'between', 'second');
  expect(second.told).not.toContain('first');
}, 90_000);

test('an engine that has lost its data is read from its beginning', async () => {
  const lost = await startDynamoDb({ port: 0, portVariable: 'DYNAMODB_PORT' });
  use(lost);
  const many = ['a', 'b', 'c', 'd'];
  await run((store) => Promise.all(many.map((bookingId) => create(bookingId)(store))), ...many);
  // In memory only: it begins anew, and so do the numbers of its records.
  await lost.stop();
  use(await startDynamoDb({ port: Number(new URL(lost.endpoint).port), portVariable: 'DYNAMODB_PORT' }));
  const { told } = await run(create('anew'), 'anew');
  expect(new Set(told)).toEqual(new Set(['anew']));
}, 90_000);
