/**
 * What DynamoDB on AWS lets through when very many want one slot, or the slots of one event. The service's own code runs
 * (functions/adapters/slotted-bookings.ts with its patience) on transactions that are simulated, in simulated time.
 */

import { USUAL_PATIENCE } from '../../functions/adapters/contention.ts';
import { SlottedBookings } from '../../functions/adapters/slotted-bookings.ts';
import { ContentionError } from '../../functions/api/ports.ts';
import { MINUTE_MS, SECOND_MS } from '../../functions/core/hold-time.ts';
import { BOOKINGS_SHAPE } from '../../functions/table/shape.ts';
import { percentilesOf } from '../../measure/lag-report.ts';
import { Kernel, seededChance } from './kernel.ts';
import { SimulatedTransactions, SLOT_ASSUMPTIONS, ThrottledError } from './simulated-transactions.ts';

const START_MS = 1_800_000_000_000;
/** No hold lapses here, so that no booking is asked for its slot. */
const NO_OWNERS = { read: async () => undefined };
const BOOKINGS = 'bookings';
const SLOTS = 'slots';

export interface Crowd {
  readonly buyers: number;
  /** The buyers come evenly over this time; 0 for all at one moment. */
  readonly withinMs: number;
  /** Slots of the event; each buyer wants as many of them, at random, as it claims. */
  readonly slots: number;
  readonly claims: number;
  /** Partitions of each of the two tables. */
  readonly partitions: number;
}

export interface CrowdOutcome {
  readonly given: number;
  readonly refused: number;
  /** Those who heard 503. */
  readonly busy: number;
  /** From a buyer's request to its answer, ms. */
  readonly answerMs: readonly number[];
  /** From the first buyer's request to the last answer, ms. */
  readonly untilAllAnsweredMs: number;
  readonly throttledTries: number;
  readonly conflicts: number;
  /** Most requests of buyers at once. */
  readonly peakAtOnce: number;
  /** Slots that two bookings had. */
  readonly soldTwice: number;
}

/** Plays one crowd. The same seed gives the same outcome. */
export const playHotCrowd = async (crowd: Crowd, seed: number): Promise<CrowdOutcome> => {
  const kernel = new Kernel(START_MS);
  const chance = seededChance(seed);
  const transactions = new SimulatedTransactions(kernel, chance, crowd.partitions);
  const slotted = new SlottedBookings({
    transactions,
    slots: transactions.tableOf(SLOTS),
    slotsTable: SLOTS,
    bookings: transactions.tableOf(BOOKINGS),
    bookingsTable: BOOKINGS,
    shape: BOOKINGS_SHAPE,
    patience: { ...USUAL_PATIENCE, pause: (ms) => kernel.sleep(ms), elapsed: kernel.now, random: chance },
  });
  const answerMs: number[] = [];
  const ownersOf = new Map<string, number>();
  const sums = { given: 0, refused: 0, busy: 0, peakAtOnce: 0, untilAllAnsweredMs: 0 };
  let atOnce = 0;
  const buy = async (number: number): Promise<void> => {
    const first = Math.floor(chance() * crowd.slots);
    const slotIds = Array.from({ length: crowd.claims }, (_, place) => `slot-${(first + place) % crowd.slots}`);
    const askedAtMs = kernel.now();
    atOnce += 1;
    sums.peakAtOnce = Math.max(sums.peakAtOnce, atOnce);
    const item = { [BOOKINGS_SHAPE.key.partition.name]: { S: `booking-${number}` } };
    try {
      const { kind } = await slotted.create(item, slotIds, askedAtMs + MINUTE_MS, NO_OWNERS, askedAtMs);
      sums[kind === 'made' ? 'given' : 'refused'] += 1;
      if (kind === 'made') for (const slotId of slotIds) ownersOf.set(slotId, (ownersOf.get(slotId) ?? 0) + 1);
    } catch (error) {
      // The API answers both with 503 (functions/api/problem.ts).
      if (!(error instanceof ContentionError || error instanceof ThrottledError)) throw error;
      sums.busy += 1;
    }
    atOnce -= 1;
    answerMs.push(kernel.now() - askedAtMs);
    sums.untilAllAnsweredMs = kernel.now() - START_MS;
  };
  const stories: Promise<void>[] = [];
  for (let number = 0; number < crowd.buyers; number += 1) {
    kernel.at(START_MS + (number * crowd.withinMs) / crowd.buyers, () => stories.push(buy(number)));
  }
  await kernel.run(START_MS + crowd.withinMs + MINUTE_MS);
  await Promise.all(stories);
  const soldTwice = [...ownersOf.values()].filter((owners) => owners > 1).length;
  const { throttledTries, conflicts } = transactions.counts;
  return { ...sums, answerMs, throttledTries, conflicts, soldTwice };
};

const NEW_TABLES = 4;
/** As many as 40,000 write units a second take: the default quota of a table (Amazon DynamoDB Developer Guide, Quotas). */
const WARM_TABLES = 40;
const oneSlot = { slots: 1, claims: 1, partitions: NEW_TABLES };
const shown = (count: number): string => count.toLocaleString('en-US');

type NamedCrowd = readonly [name: string, crowd: Crowd];

const atOneMoment = (buyers: number): NamedCrowd => [
  `one slot, ${shown(buyers)} at one moment`,
  { ...oneSlot, withinMs: 0, buyers },
];

const forOneSlot = (perSecond: number, seconds: number): NamedCrowd => [
  `one slot, ${shown(perSecond)} a second for ${seconds} s`,
  { ...oneSlot, withinMs: seconds * SECOND_MS, buyers: perSecond * seconds },
];

const forEvent = (perSecond: number, claims: number, partitions: number): NamedCrowd => [
  `1,000 slots, ${claims} a buyer, ${shown(perSecond)} a second for 10 s, ${partitions === NEW_TABLES ? 'new' : 'warm'} tables`,
  { slots: 1_000, claims, partitions, withinMs: 10 * SECOND_MS, buyers: perSecond * 10 },
];

const CROWDS: readonly NamedCrowd[] = [
  ...[100, 1_000, 5_000].map(atOneMoment),
  ...[500, 1_000, 3_000, 3_500, 4_000, 5_000].map((perSecond) => forOneSlot(perSecond, 10)),
  forOneSlot(10_000, 1),
  ...[2_000, 5_000, 10_000].map((perSecond) => forEvent(perSecond, 1, NEW_TABLES)),
  ...[10_000, 20_000].map((perSecond) => forEvent(perSecond, 1, WARM_TABLES)),
  ...[100, 200, 500, 1_000].map((perSecond) => forEvent(perSecond, 10, NEW_TABLES)),
  forEvent(2_000, 10, WARM_TABLES),
];

const HEADER = [
  'simulated',
  'given',
  '409',
  '503',
  'p50 ms',
  'p99 ms',
  'max ms',
  'tries throttled',
  'conflicts',
  'requests at once',
];

/** @param seed the same seed gives the same figures */
export const simulateHotSlots = async (seed: number) => {
  const rows: (string | number)[][] = [];
  const figures: Record<string, unknown> = { seed, assumptions: SLOT_ASSUMPTIONS };
  for (const [name, crowd] of CROWDS) {
    const { answerMs, ...counts } = await playHotCrowd(crowd, seed);
    const { p50, p99, max } = percentilesOf(answerMs);
    const { given, refused, busy, throttledTries, conflicts, peakAtOnce } = counts;
    rows.push([name, given, refused, busy, p50, p99, max, throttledTries, conflicts, peakAtOnce]);
    figures[name] = { crowd, ...counts, p50, p99, max };
  }
  return { header: HEADER, rows, figures };
};
