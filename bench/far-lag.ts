/**
 * The path of far holds, with a clock that moves: the whole service, its engines and the application go by one clock, which
 * jumps from sweep to sweep while nothing happens and runs as usual around the deadlines. So a hold of a day is measured
 * in a minute, and its lag in real milliseconds.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { MINUTE_MS } from '../functions/core/hold-time.ts';
import { clockOffset, goByOffset } from '../local/moved-clock.ts';
import type { Measured } from './bill.ts';
import { type LagResult, measureLag } from './load-lag.ts';
import { type Service, type ServiceOptions, startService } from './service.ts';
import type { Load } from './writer.ts';

const SWEEP_EVERY_MS = 5 * MINUTE_MS;
/** How long before the deadlines time runs as usual again. */
const REAL_TIME_BEFORE_MS = 8_000;
/** Time for the stream, the Lambdas and the queue to do what a jump of the clock brought about. */
const SETTLING_MS = 1_500;

export interface FarResult extends LagResult {
  readonly holdMs: number;
  /** Sweeps that ran while the bookings were on hold. */
  readonly sweeps: number;
  /** What one sweep used that found nothing. Only with meters. */
  readonly idleSweep?: Measured;
}

/**
 * @param everySweep whether the clock stops at every sweep of the hold, or jumps over the days in which none can find any
 */
export const measureFar = async (
  options: Pick<ServiceOptions, 'assemblyDirectory' | 'metered'>,
  { holdMs, perSecond, seconds, paidShare }: Pick<Load, 'holdMs' | 'perSecond' | 'seconds' | 'paidShare'>,
  everySweep: boolean,
): Promise<FarResult> => {
  const offset = clockOffset();
  const systemClock = goByOffset(offset);
  const service = await startService({ ...options, clockOffset: offset });
  try {
    await measureLag(service, { perSecond, seconds: 4, holdMs: 5_000, shape: 'spread', paidShare: 0 });
    const firstDeadlineMs = Date.now() + holdMs;
    // Who pays does so while the clock runs as usual: long before the bookings come near.
    const load = { perSecond, seconds, holdMs, shape: 'spread', paidShare, payWithinMs: SETTLING_MS } as const;
    const result = measureLag(service, load);
    // Waited for below; until then a failure must not end the process.
    result.catch(() => {});
    await sleep(seconds * 1_000 + 2 * SETTLING_MS);

    const move = (ms: number) => {
      offset[0] = (offset[0] ?? 0) + ms;
    };
    // The last sweeps before the deadlines are met at their own times, whatever was jumped over before.
    const lastHourMs = firstDeadlineMs - 60 * MINUTE_MS;
    if (!everySweep && Date.now() < lastHourMs) move(lastHourMs - Date.now());
    let sweeps = 0;
    let idleSweep: Measured | undefined;
    while (Date.now() + SWEEP_EVERY_MS < firstDeadlineMs - REAL_TIME_BEFORE_MS) {
      move(SWEEP_EVERY_MS);
      const before = sweepUse(service);
      await service.runtime.fireSchedules();
      sweeps += 1;
      if (sweeps === 2) idleSweep = before && subtract(sweepUse(service), before);
    }
    await sleep(SETTLING_MS);
    move(firstDeadlineMs - REAL_TIME_BEFORE_MS - Date.now());
    const { measured, problems, ...rest } = await result;
    return {
      ...rest,
      // The engine's own clock stays, so that every record that it streams after a jump looks old.
      problems: problems.filter((problem) => !problem.includes('RecordAgeExceeded')),
      holdMs,
      sweeps,
      ...(measured && { measured: idleSweep ? subtract(measured, idleSweep, sweeps) : measured }),
      ...(idleSweep && { idleSweep }),
    };
  } finally {
    await service.stop();
    systemClock();
  }
};

/** What sweeps have used so far: nothing else queries, reads one item or updates one while everything is on hold. */
const sweepUse = (service: Service): Measured | undefined =>
  service.meters && {
    bookings: 0,
    sqs: {},
    dynamodb: pick(service.meters.dynamodb.usage(), ['Query', 'GetItem', 'UpdateItem']),
    lambdas: pick(service.lambdaUse(), ['SweepFunction']),
  };

const pick = <T>(from: Readonly<Record<string, T>>, names: readonly string[]): Record<string, T> =>
  Object.fromEntries(Object.entries(from).filter(([name]) => names.includes(name)));

/** What was used beside some known use, taken a number of times. */
const subtract = (from: Measured | undefined, other: Measured, times = 1): Measured => ({
  bookings: from?.bookings ?? 0,
  sqs: from?.sqs ?? {},
  dynamodb: subtractEach(from?.dynamodb ?? {}, other.dynamodb, times),
  lambdas: subtractEach(from?.lambdas ?? {}, other.lambdas, times),
});

const subtractEach = <T extends object>(
  from: Readonly<Record<string, T>>,
  other: Readonly<Record<string, T>>,
  times: number,
): Record<string, T> =>
  Object.fromEntries(
    Object.entries(from).map(([name, counts]) => {
      const known = (other[name] ?? {}) as Record<string, number>;
      const rest = Object.entries(counts).map(([key, count]) => [key, Math.max(0, count - times * (known[key] ?? 0))]);
      return [name, Object.fromEntries(rest) as T];
    }),
  );
