/** A small sale on real engines: what is sold is sold once, what is not can be had, and every buyer is counted once. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { auditSale } from '../../bench/sale/audit.ts';
import { BusyError, type Counter, type OpenStore } from '../../bench/sale/counter.ts';
import { type Hold, playCrowd, waitOf } from '../../bench/sale/crowd.ts';
import { engineCpuMs } from '../../bench/sale/engine-cpu.ts';
import { readHandovers } from '../../bench/sale/handovers.ts';
import { holdSale } from '../../bench/sale/sale.ts';
import { type Service, startService } from '../../bench/service.ts';
import type { Booking } from '../../functions/core/booking-status.ts';
import type { Slot } from '../../functions/core/slots.ts';
import { TEST_ASSEMBLY } from '../support/synthesize.ts';

describe('a sale', () => {
  let service: Service;
  beforeAll(async () => {
    service = await startService({ assemblyDirectory: TEST_ASSEMBLY });
  });
  afterAll(() => service.stop());

  test.each([
    ['the store', 'store', { buyers: 300, slots: 20 }],
    ['the HTTP API', 'http', { buyers: 60, slots: 4 }],
  ] as const)('through %s sells nothing twice, leaks nothing and answers every buyer', async (_, through, size) => {
    const sale = { ...size, seconds: 3, holdMs: 1_000, unpaidShare: 0.7 };
    const { crowd, audit, transactions, handovers, ...ledger } = await holdSale(service, sale, through);
    expect(ledger).toMatchObject({ heldTwice: 0, soldTwice: 0 });
    expect({ ...audit, markLagsMs: undefined }).toEqual({
      soldTwice: 0,
      leaked: 0,
      oversold: 0,
      wronged: 0,
      early: 0,
      unmarked: 0,
      sold: crowd.holds.filter(({ end }) => end === 'confirmed').length,
      markLagsMs: undefined,
    });
    const { holds, soldOut, gaveUp } = crowd;
    expect(holds.length + soldOut + gaveUp).toBe(size.buyers);
    // Marked is what was held and not paid.
    expect(audit.markLagsMs.length).toBe(holds.length - audit.sold);
    expect(crowd.heldAfterMs.length).toBe(holds.length);
    expect(handovers.length).toBeGreaterThan(0);
    expect(Math.min(...handovers.map(({ givenAfterMs }) => givenAfterMs))).toBeGreaterThanOrEqual(0);
    if (transactions) expect(transactions.made).toBe(holds.length + audit.sold);
  });

  test.runIf(process.platform === 'linux')('knows what its engine used', () => {
    expect(engineCpuMs()).toBeGreaterThan(0);
  });
});

describe('a buyer', () => {
  const sale = { buyers: 1, slots: 1, seconds: 0, holdMs: 100, unpaidShare: 0, prefix: '' };

  test('asks again after 503, and at the very time that a refusal names', async () => {
    const asked: number[] = [];
    const untilMs = Date.now() + 1_500;
    const { holds, ...sums } = await playCrowd(sale, {
      hold: async () => {
        asked.push(Date.now());
        if (asked.length === 1) throw new BusyError('503');
        return asked.length === 2 ? { kind: 'refused', untilMs } : { kind: 'held', untilMs: untilMs + 100 };
      },
      pay: async () => 'confirmed',
    });
    expect(holds).toMatchObject([{ bookingId: '0', slotId: 'slot/0', end: 'confirmed', askedAtMs: asked[2] }]);
    expect(sums).toMatchObject({ soldOut: 0, busy: 1, gaveUp: 0, waited: 1 });
    expect(asked[2]).toBeGreaterThanOrEqual(untilMs);
  });

  test('does not wait for more than a minute', async () => {
    const hold = async () => ({ kind: 'refused' as const, untilMs: Date.now() + 61_000 });
    expect(await playCrowd(sale, { hold, pay: async () => 'confirmed' })).toMatchObject({ gaveUp: 1, holds: [] });
  });

  test('goes away when the slot is sold, and does not pay for what it does not have', async () => {
    const counter: Counter = {
      hold: async () => ({ kind: 'refused', untilMs: undefined }),
      pay: () => Promise.reject(new Error('it has nothing to pay for')),
    };
    expect(await playCrowd(sale, counter)).toMatchObject({ holds: [], soldOut: 1, waited: 0 });
  });
});

describe('what buyers were told', () => {
  const hold = (bookingId: string, askedAtMs: number, changes: Partial<Hold> = {}): Hold => ({
    bookingId,
    slotId: 'slot',
    askedAtMs,
    answeredAtMs: askedAtMs + 5,
    untilMs: askedAtMs + 1_000,
    end: 'unpaid',
    ...changes,
  });
  const read = (...holds: Hold[]) => readHandovers({ holds, waits: new Set([waitOf('slot', 1_000)]) });

  test('gives the time from a lapse that somebody waited for to the next buyer’s question and answer', () => {
    // Nobody waited for the second one.
    const { handovers, ...wrong } = read(hold('b', 1_002), hold('a', 0), hold('c', 9_000));
    expect(handovers).toEqual([{ askedAfterMs: 2, givenAfterMs: 7 }]);
    expect(wrong).toEqual({ heldTwice: 0, soldTwice: 0 });
  });

  test('shows a slot that was given while it was held', () => {
    expect(read(hold('a', 0), hold('b', 900))).toMatchObject({ heldTwice: 1, soldTwice: 0 });
    expect(read(hold('a', 0), hold('b', 900, { slotId: 'other' }))).toMatchObject({ heldTwice: 0 });
  });

  test('shows a slot that was given after it was paid for', () => {
    expect(read(hold('a', 0, { end: 'confirmed' }), hold('b', 2_000))).toMatchObject({ soldTwice: 1 });
    expect(read(hold('a', 0, { end: 'too-late' }), hold('b', 2_000))).toMatchObject({ soldTwice: 0 });
  });
});

describe('the audit of a sale', () => {
  const sale = { buyers: 2, slots: 2, seconds: 1, holdMs: 1_000, unpaidShare: 0.7, prefix: '' };
  const paid = (bookingId: string, slotId: string): Hold => {
    return { bookingId, slotId, askedAtMs: 0, answeredAtMs: 1, untilMs: 1_000, end: 'confirmed' };
  };
  const confirmed = (bookingId: string, slotId: string): Booking =>
    ({ bookingId, status: 'CONFIRMED', slotIds: [slotId] }) as Booking;
  /** @param free slots that can be claimed */
  const audit = (holds: Hold[], stored: Booking[], slots: Slot[], free: string[]) =>
    auditSale(sale, { holds }, new Map(stored.map((booking) => [booking.bookingId, booking])), {
      store: {
        create: async ({ slotIds = [] }: { slotIds?: readonly string[] }) => ({
          kind: slotIds.every((slotId) => free.includes(slotId)) ? 'created' : 'slots-taken',
        }),
      },
      slots: { lookUp: async () => slots },
    } as unknown as OpenStore);
  const taken = (slotId: string, bookingId: string): Slot => ({ slotId, state: 'TAKEN', bookingId });
  const well = { soldTwice: 0, leaked: 0, oversold: 0, wronged: 0 };

  test('finds nothing where nothing is wrong', async () => {
    const stored = [confirmed('a', 'slot/0')];
    expect(await audit([paid('a', 'slot/0')], stored, [taken('slot/0', 'a')], ['slot/1'])).toMatchObject(well);
  });

  test('finds a slot of two confirmed bookings', async () => {
    const stored = [confirmed('a', 'slot/0'), confirmed('b', 'slot/0')];
    expect(await audit([], stored, [taken('slot/0', 'a')], ['slot/1'])).toMatchObject({ ...well, soldTwice: 1 });
  });

  test('finds a slot that nobody has and nobody gets', async () => {
    expect(await audit([], [], [taken('slot/0', 'a')], ['slot/1'])).toMatchObject({ ...well, leaked: 1 });
  });

  test('finds a sold slot that the next one gets', async () => {
    const stored = [confirmed('a', 'slot/0')];
    expect(await audit([], stored, [], ['slot/0', 'slot/1'])).toMatchObject({ ...well, oversold: 1 });
  });

  test('finds a buyer who paid and has nothing', async () => {
    const free = ['slot/0', 'slot/1'];
    expect(await audit([paid('a', 'slot/0')], [], [], free)).toMatchObject({ ...well, wronged: 1 });
    const stored = [confirmed('a', 'slot/0')];
    const other = [taken('slot/0', 'b')];
    expect(await audit([paid('a', 'slot/0')], stored, other, ['slot/1'])).toMatchObject({ ...well, wronged: 1 });
  });
});
