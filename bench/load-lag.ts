/** Lag under a load of near holds: when each booking expired, and what it took. */
import { setTimeout as sleep } from 'node:timers/promises';
import { percentilesOf } from '../measure/lag-report.ts';
import type { Measured } from './bill.ts';
import { type CpuUse, cpuPerBooking, cpuUse } from './cpu-use.ts';
import type { SectionWork } from './section.ts';
import { type Service, type ServiceOptions, startService } from './service.ts';
import type { Load, Written } from './writer.ts';

/** How long after the last deadline a booking may take before it counts as missed. */
const PATIENCE_MS = 30_000;

export interface LagResult {
  readonly load: Load;
  /** Of each booking that expired: `expiredAtMs - expiresAtMs`, what the table says. */
  readonly lagsMs: readonly number[];
  /** The same with the deadlines. */
  readonly expiries: readonly { readonly expiresAtMs: number; readonly lagMs: number }[];
  /** For each booking, from the first write to the last expiry. */
  readonly cpu: CpuUse;
  readonly bookings: number;
  readonly paid: number;
  /** Marked before the deadline. */
  readonly early: number;
  /** Neither paid nor expired in the end. */
  readonly missed: number;
  /** Paid in time, and yet not CONFIRMED. */
  readonly wronged: number;
  /** Outcomes `expired` beyond the first of a booking. */
  readonly duplicates: number;
  readonly timersPerBatch: number;
  readonly problems: readonly string[];
  /** Only with meters. */
  readonly measured?: Measured;
  /** Write units that the index added to the application's own writes, per booking. Only with meters. */
  readonly indexUnitsByApplication?: number;
}

/** What a load came to, as figures. */
export const lagFigures = (result: LagResult) => {
  const { lagsMs, expiries: _expiries, problems, measured, ...counts } = result;
  return { ...counts, ...percentilesOf(lagsMs), problems: problems.length };
};

let loads = 0;

/** Applies a load to a service and waits until every booking is settled or expired. */
export const measureLag = async (service: Service, load: Omit<Load, 'prefix'>): Promise<LagResult> => {
  loads += 1;
  const prefix = `load${loads}-`;
  service.reset();
  const problemsBefore = service.problems.length;
  const before = cpuUse();
  const written = await service.apply({ ...load, prefix });
  await untilDone(service, written);
  const cpu = cpuPerBooking(before, cpuUse(), written.length);
  const stored = await service.stored(prefix);

  const unpaid = written.filter(({ paid }) => !paid);
  const expiries: { expiresAtMs: number; lagMs: number }[] = [];
  let missed = 0;
  let wronged = 0;
  for (const { bookingId, paid } of written) {
    const booking = stored.get(bookingId);
    if (paid) wronged += booking?.status === 'CONFIRMED' ? 0 : 1;
    else if (booking?.status === 'EXPIRED') {
      const { expiresAtMs = Number.NaN, expiredAtMs = Number.NaN } = booking;
      expiries.push({ expiresAtMs, lagMs: expiredAtMs - expiresAtMs });
    } else missed += 1;
  }
  const lagsMs = expiries.map(({ lagMs }) => lagMs);
  const deadlines = new Map(unpaid.map(({ bookingId, expiresAtMs }) => [bookingId, expiresAtMs]));
  const timesExpired = new Map<string, number>();
  let timers = 0;
  for (const { outcomes } of service.batches) {
    timers += outcomes.length;
    for (const { bookingId, outcome } of outcomes) {
      const deadlineMs = deadlines.get(bookingId);
      if (outcome !== 'expired' || deadlineMs === undefined) continue;
      timesExpired.set(bookingId, (timesExpired.get(bookingId) ?? 0) + 1);
    }
  }
  const { meters } = service;
  const application = meters && Object.values(meters.application.usage());
  return {
    load: { ...load, prefix },
    lagsMs,
    expiries,
    cpu,
    bookings: written.length,
    paid: written.length - unpaid.length,
    early: lagsMs.filter((lagMs) => lagMs < 0).length,
    missed,
    wronged,
    duplicates: [...timesExpired.values()].reduce((sum, times) => sum + times - 1, 0),
    timersPerBatch: timers / service.batches.length,
    problems: service.problems.slice(problemsBefore),
    ...(meters &&
      application && {
        measured: {
          bookings: written.length,
          sqs: meters.sqs.usage(),
          dynamodb: meters.dynamodb.usage(),
          lambdas: service.lambdaUse(),
        },
        // An item of up to 1 KB is one unit; what goes beyond is the index's.
        indexUnitsByApplication:
          application.reduce((sum, use) => sum + use.writeUnits - (use.writeUnits > 0 ? use.requests : 0), 0) /
          written.length,
      }),
  };
};

const untilDone = async (service: Service, written: readonly Written[]): Promise<void> => {
  const lastMs = Math.max(...written.map(({ expiresAtMs }) => expiresAtMs));
  const missing = new Set(written.filter(({ paid }) => !paid).map(({ bookingId }) => bookingId));
  for (let seen = 0; missing.size > 0 && Date.now() < lastMs + PATIENCE_MS; await sleep(50)) {
    for (; seen < service.batches.length; seen += 1) {
      for (const { bookingId } of service.batches[seen]?.outcomes ?? []) missing.delete(bookingId);
    }
  }
  // What must not come may still come: a second expiry, a retry. The last paid booking's timer is answered, and the
  // messages of the last batch are deleted.
  await sleep(Math.max(0, lastMs - Date.now()) + 1_000);
};

/** Length of one step of load, s, and of its holds, ms. */
export const STEP_SECONDS = 8;
export const STEP_HOLD_MS = 3_000;
const MAX_WARMING_ROUNDS = 12;

/** One step of load, of equally long holds that nobody pays for. */
export const stepLoad = (perSecond: number, seconds = STEP_SECONDS): Omit<Load, 'prefix'> => ({
  perSecond,
  seconds,
  holdMs: STEP_HOLD_MS,
  shape: 'spread',
  paidShare: 0,
});

/**
 * Puts steps of load on a service until two in a row end with as many environments as they began with.
 *
 * @param progress shows each of them. @default - nothing is shown
 */
export const warmUp = async (
  service: Service,
  perSecond: number,
  progress: SectionWork['progress'] = (_label, _forSeconds, run) => run(() => {}),
): Promise<void> => {
  for (let round = 0, stable = 0; round < MAX_WARMING_ROUNDS && stable < 2; round += 1) {
    const before = service.environments();
    await progress(`warming up at ${perSecond}/s, ${before} environments`, STEP_SECONDS + 5, () =>
      measureLag(service, stepLoad(perSecond)),
    );
    stable = service.environments() === before ? stable + 1 : 0;
  }
};

/** Two steps of load, one after the other: what is usual, and what a warm service must keep up with. */
export const USUAL_STEP_RATE = 50;
export const HIGH_STEP_RATE = 600;
export const measureUsualAndHigh = async (service: Service, progress: SectionWork['progress']) => {
  const measure = (perSecond: number): Promise<LagResult> =>
    progress(`${perSecond}/s`, STEP_SECONDS + 5, () => measureLag(service, stepLoad(perSecond)));
  const [usual, high] = [await measure(USUAL_STEP_RATE), await measure(HIGH_STEP_RATE)];
  return {
    usual: percentilesOf(usual.lagsMs),
    high: percentilesOf(high.lagsMs),
    usualCpu: usual.cpu,
    highCpu: high.cpu,
    early: usual.early + high.early,
    missed: usual.missed + high.missed,
  };
};

/** A service that has seen some load already, as one that runs has. */
export const startWarmService = async (options: ServiceOptions, perSecond: number) => {
  const service = await startService(options);
  try {
    await measureLag(service, { perSecond, seconds: 6, holdMs: 5_000, shape: 'spread', paidShare: 0 });
    return service;
  } catch (error) {
    await service.stop();
    throw error;
  }
};
