import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { BOOKINGS, FIVE_TABLES, type TableOfAMake } from '../support/five-tables.ts';
import { BrokenPromise } from './play.ts';
import { Player } from './player.ts';
import { histories } from './random-histories.ts';
import { plain, type What } from './steps.ts';

/** HISTORIES=1000 plays more of them, and fewer suit an engine that is slow. */
const HISTORIES = Number(process.env.HISTORIES ?? 150);
const players = new Map(FIVE_TABLES.map((make) => [make.name, new Player(make)]));
const playerOf = ({ name }: TableOfAMake): Player => players.get(name) ?? new Player();
afterAll(async () => {
  for (const each of players.values()) await each.stop();
});

/** A third for our own table, and the rest for those of others. */
const shareOf = ({ name }: TableOfAMake): number => (name === 'bookings' ? 1 / 3 : 2 / 3 / (FIVE_TABLES.length - 1));

const history = (...steps: What[]) => steps.map(plain);

describe('whatever happens to bookings', () => {
  test.each(FIVE_TABLES)('the promises hold after every step of random histories: $name', async (make) => {
    // Another seed in every run: what one run misses, another finds. A failure prints its seed and its shortest history.
    const property = fc.asyncProperty(histories(25, make), (steps) => playerOf(make).play(steps));
    // As many as there is time for on a busy machine: a campaign is another command.
    await fc.assert(property, {
      numRuns: Math.ceil(HISTORIES * shareOf(make)),
      interruptAfterTimeLimit: 100_000 * shareOf(make),
      markInterruptAsFailure: false,
    });
  });
});

describe('the check itself', () => {
  const lapsing = history(
    { do: 'create', id: 'ann', holdMs: 2_000 },
    { do: 'stream', records: 1, again: 0, to: 'timers' },
    { do: 'deliver', picks: [0], twice: false },
  );

  test.each(FIVE_TABLES)('is content with a booking that its timer expires at its deadline: $name', async (make) => {
    await expect(playerOf(make).play(lapsing)).resolves.toBeUndefined();
  });

  test.each(FIVE_TABLES)('notices a Lambda whose clock expires a booking before its deadline: $name', async (make) => {
    await expect(playerOf(make).play(lapsing, 500)).rejects.toThrow(BrokenPromise);
  });

  test('shrinks what breaks a promise to the few steps that do', async () => {
    const property = fc.asyncProperty(histories(25), (steps) => playerOf(BOOKINGS).play(steps, 60_000));
    const found = await fc.check(property, { numRuns: 500, seed: 1 });
    expect(found.failed).toBe(true);
    expect(found.counterexample?.[0].length).toBeLessThanOrEqual(4);
  });
});
