/**
 * The highest rate, climbed to on one service: as one that has been running, and as one that has just been started. What fills two
 * cores in a new service is the compiling of code, so the two have little in common.
 */
import { percentilesOf } from '../../measure/lag-report.ts';
import { type LagResult, lagFigures, measureLag, STEP_HOLD_MS, STEP_SECONDS, stepLoad, warmUp } from '../load-lag.ts';
import type { SectionWork } from '../section.ts';
import { type Service, startService } from '../service.ts';

const FIRST_RATE = 100;
const RATE_STEP = 50;
/** Lag up to which a rate counts as sustained, p99 in ms. */
const WARM_P99_MS = 30;
/** Climbing ends after so many rates in a row that were not sustained: one may have met another program's work. */
const FAILURES_ALLOWED = 2;
const COLD_RATE = 100;
const COLD_SECONDS = 30;
const WINDOW_MS = 5_000;

const HEADER = [
  'rate, a second',
  'expired',
  'p50 ms',
  'p99 ms',
  'max ms',
  'early',
  'missed',
  'CPU ms',
  'main thread',
  'DynamoDB',
  'environments',
];

export const ladderSection = async (work: SectionWork): Promise<void> => {
  await work.attempt('warm ladder', () => warmLadder(work));
  await work.attempt('cold start', () => coldStart(work));
};

/** Climbs on one service that is warm, until a rate is not sustained. */
const warmLadder = async (work: SectionWork): Promise<void> => {
  const service = await work.progress('starting a service', 10, () =>
    startService({ assemblyDirectory: work.assemblyDirectory }),
  );
  try {
    await warmUp(service, FIRST_RATE, work.progress);
    const title = `Warm, one service: steps of ${STEP_SECONDS} s, holds of ${STEP_HOLD_MS / 1_000} s. CPU a booking, writer and DynamoDB included`;
    const rows = work.table(HEADER, title);
    const steps: unknown[] = [];
    work.figures.warm = steps;
    let highest = 0;
    const { steps: given } = work.options;
    const rates = given === undefined ? climbing() : given.values();
    let failures = 0;
    for (const rate of rates) {
      const result = await work.progress(`${rate}/s`, STEP_SECONDS + 5, () => measureLag(service, stepLoad(rate)));
      rows.push(rowOf(rate, result, service));
      steps.push({ rate, ...lagFigures(result), environments: service.environments() });
      const sustained = result.missed === 0 && percentilesOf(result.lagsMs).p99 <= WARM_P99_MS;
      if (sustained) highest = rate;
      failures = sustained ? 0 : failures + 1;
      if (given === undefined && failures === FAILURES_ALLOWED) break;
    }
    work.figures.highestWarmRate = highest;
    work.say(`\nHighest rate with p99 ≤ ${WARM_P99_MS} ms, warm: ${highest} a second`);
  } finally {
    await service.stop();
  }
};

const climbing = function* (): Generator<number> {
  for (let rate = FIRST_RATE; ; rate += RATE_STEP) yield rate;
};

/** Puts its load on a service as soon as that has started. */
const coldStart = async (work: SectionWork): Promise<void> => {
  const startedAt = performance.now();
  const service = await startService({ assemblyDirectory: work.assemblyDirectory });
  try {
    const readyMs = performance.now() - startedAt;
    const loadedAtMs = Date.now();
    const result = await work.progress(`${COLD_RATE}/s on a new service`, COLD_SECONDS + 5, () =>
      measureLag(service, stepLoad(COLD_RATE, COLD_SECONDS)),
    );
    const title = `From a cold start, ready after ${(readyMs / 1_000).toFixed(1)} s: ${COLD_RATE} a second at once`;
    const rows = work.table(['seconds since ready', 'expired', 'p50 ms', 'p99 ms', 'max ms'], title);
    const windows: unknown[] = [];
    for (let fromMs = 0; fromMs < COLD_SECONDS * 1_000 + STEP_HOLD_MS; fromMs += WINDOW_MS) {
      const lagsMs = result.expiries
        .filter(
          ({ expiresAtMs }) => expiresAtMs >= loadedAtMs + fromMs && expiresAtMs < loadedAtMs + fromMs + WINDOW_MS,
        )
        .map(({ lagMs }) => lagMs);
      if (lagsMs.length === 0) continue;
      const { p50, p99, max } = percentilesOf(lagsMs);
      rows.push([`${fromMs / 1_000} to ${(fromMs + WINDOW_MS) / 1_000}`, lagsMs.length, p50, p99, max]);
      windows.push({ fromSeconds: fromMs / 1_000, expired: lagsMs.length, p50, p99, max });
    }
    work.figures.cold = { readyMs, windows, ...lagFigures(result), environments: service.environments() };
    work.say(
      `\nCPU a booking from a cold start: ${result.cpu.processMs.toFixed(2)} ms, early ${result.early}, missed ${result.missed}`,
    );
  } finally {
    await service.stop();
  }
};

const rowOf = (rate: number, result: LagResult, service: Service): (string | number)[] => {
  const { p50, p99, max } = percentilesOf(result.lagsMs);
  const { processMs, mainMs, dynamodbMs } = result.cpu;
  const cpuMs = processMs + (Number.isNaN(dynamodbMs) ? 0 : dynamodbMs);
  const { early, missed, lagsMs } = result;
  return [rate, lagsMs.length, p50, p99, max, early, missed, cpuMs, mainMs, dynamodbMs, service.environments()];
};
