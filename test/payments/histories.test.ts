/** Random payment histories: a part of what `npm run test:payments` plays. */
import { describe, expect, test } from 'vitest';
import { AnswersOfApi } from './answers-of-api.ts';
import { AnswersOfStore } from './answers-of-store.ts';
import { type Failure, playSeeds, simplestOf, tellAgain } from './campaign.ts';
import { Choices, simplified } from './choices.ts';
import { History } from './history.ts';
import { checkEachMoment, checkTheEnd, type Seen } from './promises.ts';
import type { AnswerMaker } from './service.ts';

const RUNS = 2_500;

describe('in every payment history', () => {
  test('money was taken if and only if the booking is CONFIRMED or it went back, and no slot is sold twice', async () => {
    const { counts, failure } = await playSeeds(1, RUNS);
    const told = failure && `${failure.error}; npm run test:payments -- --seed ${failure.seed} --runs 1`;
    expect(told).toBeUndefined();
    // Each end that a payment may come to was come to.
    for (const end of ['kept', 'refunded', 'closed', 'revived', 'slots lost'])
      expect(counts[end], end).toBeGreaterThan(10);
  });

  test('the HTTP API answers as the histories have the service answer', async () => {
    const played = async (Answers: AnswerMaker, seed: number) => {
      const choices = Choices.random(seed);
      const counts = await new History({ choices, Answers }).play();
      return { counts, choices: choices.taken };
    };
    for (let seed = 1; seed <= 150; seed += 1) {
      expect(await played(AnswersOfApi, seed)).toEqual(await played(AnswersOfStore, seed));
    }
  });

  test('the same seed, and the same choices, lead to the same steps', async () => {
    const choices = Choices.random(7);
    const first: string[] = [];
    await new History({ choices, Answers: AnswersOfStore, tell: (line) => first.push(line) }).play();
    const again: string[] = [];
    expect(await tellAgain(choices.taken, (line) => again.push(line))).toBeUndefined();
    expect(again).toEqual(first);
    expect(first.length).toBeGreaterThan(20);
  });
});

describe('a history is made simpler', () => {
  test('by leaving out choices and making them smaller, as long as it ends alike', async () => {
    const hasTwoLarge = async (list: readonly number[]) => list.filter((each) => each > 5).length >= 2;
    expect(await simplified([3, 9, 1, 1, 40, 7, 0], hasTwoLarge, 1_000)).toEqual([6, 6]);
  });

  test('but not beyond the tries that it has, and not if nothing is simpler', async () => {
    let tries = 0;
    const never = async () => {
      tries += 1;
      return false;
    };
    expect(await simplified([1, 2, 3], never, 2)).toEqual([1, 2, 3]);
    expect(tries).toBe(2);
  });

  test('and the same failure is what it ends with', async () => {
    const failure: Failure = { seed: 1, error: new Error('no such failure'), choices: [1, 2] };
    expect(await simplestOf(failure)).toEqual([1, 2]);
  });
});

describe('what the histories hold to be broken', () => {
  const confirmed = { bookingId: 'booking-1', status: 'CONFIRMED', slotIds: ['seat-A'] };
  const payment = {
    bookingId: 'booking-1',
    version: 4,
    stage: 'kept',
    capture: 'at-once',
    startedAtMs: 0,
    confirmAsked: true,
    isConfirmed: true,
    isGivenUp: false,
    isOver: false,
  } as const;
  const kept: Seen = {
    bookingId: 'booking-1',
    booking: confirmed,
    taken: 1,
    givenBack: 0,
    payment,
    wasCancelled: false,
    revives: true,
  };
  const refunded: Seen = {
    ...kept,
    givenBack: 1,
    booking: { ...confirmed, status: 'EXPIRED', slotsLostAtMs: 1 },
    payment: { ...payment, stage: 'refunded' },
  };
  const check = (each: Seen, ...others: Seen[]) => {
    checkEachMoment([each, ...others]);
    checkTheEnd([each]);
  };

  test('is nothing that is right', () => {
    check(kept);
    check(refunded);
    check({ ...kept, taken: 0, booking: undefined, payment: { ...payment, stage: 'closed' } });
  });

  test.each<[string, Seen]>([
    ['given back 2 times', { ...refunded, givenBack: 2 }],
    ['CONFIRMED and unpaid', { ...kept, taken: 0 }],
    ['CONFIRMED, and the money goes back', { ...kept, payment: { ...payment, stage: 'refund-due' } }],
    ['paid, CONFIRMED and given back', { ...kept, givenBack: 1 }],
    ['neither CONFIRMED nor given back', { ...refunded, givenBack: 0 }],
    ['come to rest as refund-due', { ...refunded, payment: { ...payment, stage: 'refund-due' } }],
    ['goes back although the booking is PENDING', { ...refunded, booking: { ...confirmed, status: 'PENDING' } }],
    ['goes back although the booking is EXPIRED', { ...refunded, booking: { ...confirmed, status: 'EXPIRED' } }],
    ['goes back although the booking is CANCELLED', { ...refunded, booking: { ...confirmed, status: 'CANCELLED' } }],
  ])('%s', (why, seen) => {
    expect(() => check(seen)).toThrow(why);
  });

  test('one slot for two', () => {
    const other = { ...kept, bookingId: 'booking-2', booking: { ...confirmed, bookingId: 'booking-2' } };
    expect(() => check(kept, other)).toThrow('booking-2: seat-A is sold to booking-1 too');
  });
});
