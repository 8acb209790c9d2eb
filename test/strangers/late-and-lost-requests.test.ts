/**
 * Requests that arrive late, twice or unheard: every write recognizes itself when its answer was lost, and no write that
 * arrives seconds late undoes a newer one.
 */

import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BookingStore } from '../../functions/adapters/booking-store.ts';
import { DynamoDbTable } from '../../functions/adapters/dynamodb-table.ts';
import { HeldItems } from '../../functions/adapters/held-items.ts';
import { sweepScheduling } from '../../functions/adapters/sweep-scheduling.ts';
import { adoptionOf } from '../../functions/core/expiry-decisions.ts';
import { BOOKINGS_SHAPE } from '../../functions/table/shape.ts';
import { LOCAL_CREDENTIALS, REGION } from '../../local/engines.ts';
import { answerBatches, BATCH_ANSWERS } from '../support/batch-answers.ts';
import { type Engines, SHARD_COUNT, startEngines } from '../support/engines.ts';
import { UnreliableRequests } from '../support/unreliable-requests.ts';

const NOW = 1_790_000_000_000;
const SETTINGS = { timerLeadMs: 1_000, sweepIntervalMs: 300_000 };
let engines: Engines;
let network: UnreliableRequests;
let client: DynamoDBClient;
let store: BookingStore;
let held: HeldItems;
let sequence = 0;
let id: string;

beforeAll(async () => {
  engines = await startEngines();
});
afterAll(() => engines.stop());
beforeEach(() => {
  network = new UnreliableRequests();
  client = new DynamoDBClient({
    region: REGION,
    credentials: LOCAL_CREDENTIALS,
    endpoint: engines.dynamodb.endpoint,
    ...network.clientOptions,
  });
  const table = new DynamoDbTable(client, engines.table);
  store = new BookingStore(table, SHARD_COUNT);
  held = new HeldItems(table, BOOKINGS_SHAPE);
  sequence += 1;
  id = `booking-${sequence}`;
});

const givenBooking = async (): Promise<void> => {
  await engines.store.create({ bookingId: id, holdMs: 60_000 }, NOW);
};
const stored = async () => engines.store.get(id);

describe('A3: a late duplicate of an extension', () => {
  test('does not undo a newer one: the booking keeps the deadline that was promised last', async () => {
    await givenBooking();
    network.befall('UpdateItem', 'held-back');
    expect(await store.extend(id, 100_000, NOW + 1_000)).toMatchObject({ kind: 'moved' });
    expect(await store.extend(id, 700_000, NOW + 2_000)).toMatchObject({ kind: 'moved' });
    expect(await network.landLate()).toBe(1);
    expect(await stored()).toMatchObject({ expiresAtMs: NOW + 702_000, holdStartedAtMs: NOW + 2_000 });
  });

  test('does not undo one that came back to the very deadline from which it started', async () => {
    await givenBooking();
    network.befall('UpdateItem', 'held-back');
    await store.extend(id, 100_000, NOW + 1_000);
    expect(await store.extend(id, 58_000, NOW + 2_000)).toMatchObject({ booking: { expiresAtMs: NOW + 60_000 } });
    await network.landLate();
    expect(await stored()).toMatchObject({ expiresAtMs: NOW + 60_000, holdStartedAtMs: NOW + 2_000 });
  });

  test('whose answer was lost is known as made, and not taken for somebody else’s', async () => {
    await givenBooking();
    network.befall('UpdateItem', 'answer-lost');
    expect(await store.extend(id, 100_000, NOW + 1_000)).toMatchObject({
      kind: 'moved',
      booking: { expiresAtMs: NOW + 101_000 },
    });
  });

  test('and another one at the same moment both come through, one after the other', async () => {
    await givenBooking();
    const outcomes = await Promise.all([store.extend(id, 100_000, NOW), store.extend(id, 200_000, NOW)]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['moved', 'moved']);
    expect([NOW + 100_000, NOW + 200_000]).toContain((await stored())?.expiresAtMs);
  });
});

describe.each(BATCH_ANSWERS)('A4: an expiry whose answer was lost, where failed conditions come %s,', (answers) => {
  beforeEach(() => answerBatches(client, answers, engines.table, engines.rawClient));

  test('in a batch counts as made by this very call, each of its bookings', async () => {
    const ids = Array.from({ length: 30 }, (_, index) => `${id}-${index}`);
    await Promise.all(ids.map((bookingId) => engines.store.create({ bookingId, holdMs: 1_000 }, NOW)));
    network.befall('BatchExecuteStatement', 'answer-lost', 'answer-lost');
    const outcomes = await held.expire(ids, 'sweep', NOW + 5_000);
    expect([...outcomes.values()]).toEqual(ids.map(() => ({ kind: 'expired', expiredAtMs: NOW + 5_000 })));
  });

  test('in a batch that never answers counts as made by this very call too', async () => {
    await givenBooking();
    network.befall('BatchExecuteStatement', 'answer-lost', 'answer-lost', 'answer-lost');
    expect((await held.expire([id], 'timer', NOW + 60_000)).get(id)?.kind).toBe('expired');
  });

  test('alone counts as made by this very call', async () => {
    await givenBooking();
    network.befallBy((operation) => (operation === 'BatchExecuteStatement' ? 'request-lost' : undefined));
    expect((await held.expire([id], 'timer', NOW + 60_000)).get(id)?.kind).toBe('expired');
  });

  test('is somebody else’s if another has expired the booking meanwhile', async () => {
    await givenBooking();
    await engines.held.expire([id], 'sweep', NOW + 60_000);
    network.befall('BatchExecuteStatement', 'request-lost');
    expect((await held.expire([id], 'timer', NOW + 60_000)).get(id)?.kind).toBe('already-expired');
  });

  test('and that arrives again seconds later changes nothing', async () => {
    await givenBooking();
    network.befall('BatchExecuteStatement', 'repeated');
    await held.expire([id], 'timer', NOW + 59_000);
    await store.extend(id, 600_000, NOW + 59_500);
    expect(await network.landLate()).toBe(1);
    expect(await stored()).toMatchObject({ status: 'PENDING', expiresAtMs: NOW + 659_500 });
  });
});

describe('a payment', () => {
  test('whose answer was lost is known as made', async () => {
    await givenBooking();
    network.befall('UpdateItem', 'answer-lost');
    expect(await store.confirm(id, NOW + 1_000)).toMatchObject({ kind: 'moved' });
  });

  test('that another made before is told from one’s own', async () => {
    await givenBooking();
    await engines.store.confirm(id, NOW + 500);
    network.befall('UpdateItem', 'request-lost');
    expect(await store.confirm(id, NOW + 1_000)).toMatchObject({ kind: 'unchanged' });
  });

  test('that is held back until after a cancellation does not bring the booking back', async () => {
    await givenBooking();
    network.befall('UpdateItem', 'held-back');
    await store.confirm(id, NOW + 1_000);
    await store.cancel(id, NOW + 2_000);
    await network.landLate();
    expect((await stored())?.status).toBe('CANCELLED');
  });
});

describe('a cancellation', () => {
  test('whose answer was lost is known as made', async () => {
    await givenBooking();
    network.befall('UpdateItem', 'answer-lost');
    expect(await store.cancel(id, NOW + 1_000)).toMatchObject({ kind: 'moved' });
  });

  test('that was given up while the booking was PENDING, and arrives late, does not undo a payment', async () => {
    await givenBooking();
    network.befall('UpdateItem', 'held-back', 'held-back', 'held-back');
    await expect(store.cancel(id, NOW + 1_000)).rejects.toThrow('no answer in time');
    expect(await store.confirm(id, NOW + 2_000)).toMatchObject({ kind: 'moved' });
    expect(await network.landLate()).toBe(3);
    expect((await stored())?.status).toBe('CONFIRMED');
  });

  test('of a confirmed booking whose answer was lost is known as made', async () => {
    await givenBooking();
    await store.confirm(id, NOW + 1_000);
    network.befall('UpdateItem', 'answer-lost', 'answer-lost');
    expect(await store.cancel(id, NOW + 2_000)).toMatchObject({ kind: 'moved', booking: { status: 'CANCELLED' } });
  });
});

describe('a creation', () => {
  test('whose answer was lost is known as made', async () => {
    network.befall('PutItem', 'answer-lost');
    expect(await store.create({ bookingId: id, holdMs: 5_000, details: { seat: 1.5 } }, NOW)).toMatchObject({
      kind: 'created',
    });
  });

  test('of another with the same id is told from one’s own', async () => {
    await givenBooking();
    network.befall('PutItem', 'request-lost');
    expect((await store.create({ bookingId: id, holdMs: 5_000 }, NOW + 1)).kind).toBe('exists');
  });

  test('that arrives again after its booking was paid leaves it paid', async () => {
    network.befall('PutItem', 'repeated');
    await store.create({ bookingId: id, holdMs: 60_000 }, NOW);
    await store.confirm(id, NOW + 1_000);
    await network.landLate();
    expect((await stored())?.status).toBe('CONFIRMED');
  });
});

describe('an adoption', () => {
  const bare = async (expiresAtMs: string) => {
    const Item = { bookingId: { S: id }, status: { S: 'PENDING' }, expiresAtMs: { N: expiresAtMs } };
    await engines.rawClient.send(new PutItemCommand({ TableName: engines.table, Item }));
  };
  const adopt = async (seenDeadline: string) =>
    (
      await held.adopt(
        [
          {
            bookingId: id,
            seenDeadline: { stored: { N: seenDeadline } },
            pendingShard: 1,
            holdStartedAtMs: NOW,
          },
        ],
        (found) => adoptionOf(found, NOW, SHARD_COUNT, SETTINGS),
      )
    ).get(id)?.kind;

  test('whose answer was lost is known as made', async () => {
    await bare(String(NOW + 60_000));
    network.befall('BatchExecuteStatement', 'answer-lost', 'answer-lost', 'answer-lost');
    expect(await adopt(String(NOW + 60_000))).toBe('adopted');
    expect(await stored()).toMatchObject({ pendingShard: 1 });
  });

  test('that arrives late does not touch a booking that has got another deadline since', async () => {
    await bare(String(NOW + 60_000));
    network.befall('BatchExecuteStatement', 'repeated');
    await adopt(String(NOW + 60_000));
    await store.extend(id, 600_000, NOW + 1_000);
    await network.landLate();
    expect(await stored()).toMatchObject({ holdStartedAtMs: NOW + 1_000 });
  });

  test('A2: of a far booking with a fractional deadline puts it into the index', async () => {
    const digits = `${NOW + 86_400_000}.1234567890123456789012345`;
    await bare(digits);
    expect(await adopt(digits)).toBe('adopted');
  });

  test('A2: that is refused is looked at again: a booking that still is in no shard is adopted as it is now', async () => {
    await bare(String(NOW + 90_000));
    expect(await adopt(String(NOW + 60_000))).toBe('adopted');
    const booking = await stored();
    expect(booking?.pendingShard).toBeGreaterThanOrEqual(0);
    expect(booking?.expiresAtMs).toBe(NOW + 90_000);
  });

  test('that is refused because the booking was paid needs nothing more', async () => {
    await bare(String(NOW + 60_000));
    await store.confirm(id, NOW + 1_000);
    expect(await adopt(String(NOW + 60_000))).toBe('unneeded');
    expect((await stored())?.pendingShard).toBeUndefined();
  });
});

describe('what sweeps note for each other', () => {
  const scheduling = () => sweepScheduling(engines.queue, new DynamoDbTable(client, engines.sweepState.name));

  test('is not set back by a note that arrives late, and may be set back where it is void', async () => {
    const first = await scheduling().readState();
    network.befall('UpdateItem', 'repeated');
    await first.moveTo(NOW + 1_000);
    await (await scheduling().readState()).moveTo(NOW + 5_000);
    await network.landLate();
    expect((await scheduling().readState()).scheduledThroughMs).toBe(NOW + 5_000);
    await (await scheduling().readState()).moveTo(NOW + 2_000);
    expect((await scheduling().readState()).scheduledThroughMs).toBe(NOW + 2_000);
  });

  test('is kept as another sweep noted it since it was read', async () => {
    const slow = await scheduling().readState();
    await (await scheduling().readState()).moveTo(NOW + 9_000);
    await slow.moveTo(NOW + 8_000);
    expect((await scheduling().readState()).scheduledThroughMs).toBe(NOW + 9_000);
  });
});
