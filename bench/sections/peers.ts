/**
 * The same deadlines through the service and through other systems, one after the other on the same machine, each with servers of its
 * own. The lag that counts is that at the acknowledgement of the conditional write, by whoever made it.
 */
import { distribution } from '../../measure/distribution.ts';
import { percentilesOf } from '../../measure/lag-report.ts';
import { STEP_HOLD_MS, STEP_SECONDS } from '../load-lag.ts';
import { type AfterKill, measureAfterKill } from '../peer-runs/after-kill.ts';
import { CONTESTANTS, type Contestant } from '../peer-runs/catalogue.ts';
import { type Climbed, climb, keptUp, RATES, SUSTAINED_P99_MS } from '../peer-runs/climb.ts';
import { lagOfCron } from '../peer-runs/cron.ts';
import { installNpmPackages, installPythonPackages } from '../peer-runs/installs.ts';
import { type Found, findPrograms, missingFor } from '../peer-runs/needs.ts';
import { applyStep, type Step } from '../peer-runs/step.ts';
import type { PeerSystem } from '../peer-runs/system.ts';
import { type Series, textTable } from '../report.ts';
import type { Rows, SectionWork } from '../section.ts';

const CRON = 'cron every 5 minutes';

const STEP_HEADER = [
  'system',
  'rate, a second',
  'p50 ms',
  'p99 ms',
  'p99.9 ms',
  'max ms',
  'p99 before the write',
  'early',
  'missed',
  'CPU ms',
  'producer late ms',
];
const SUMMARY_HEADER = [
  'system',
  'p50 ms',
  'p99 ms',
  'p99.9 ms',
  'max ms',
  'p99 before the write',
  'highest a second',
  'and then',
  'CPU ms',
  'CPU ms, highest',
  'early',
  'missed',
  'left 30 s after',
  'left in the end',
  'longest lag s',
  'keeps running',
];

/** What a system came to. */
interface Result {
  readonly climbed: Climbed<Step>;
  readonly afterKill: AfterKill;
}

export const peersSection = async (work: SectionWork): Promise<void> => {
  const found = findPrograms();
  const title = `The same deadlines through each system: ${work.options.seconds} s at ${RATES[0]}/s, then steps of ${STEP_SECONDS} s, holds of ${STEP_HOLD_MS / 1_000} s. Lag at the acknowledgement, CPU a booking with servers and producer`;
  const rows = work.table(STEP_HEADER, title);
  const summary: (string | number)[][] = [];
  const series: Series[] = [];
  const deadlinesMs: number[] = [];
  work.atEnd(() => {
    const about = `Lag at ${RATES[0]}/s; the highest rate with p99 ≤ ${SUSTAINED_P99_MS} ms; what a kill left behind`;
    work.say(`\n${about}\n${textTable(SUMMARY_HEADER, summary)}`);
  });
  for (const contestant of CONTESTANTS.filter(({ name }) => work.options.systems.has(name))) {
    const { name } = contestant;
    const missing = missingFor(contestant.needs, found);
    await work.attempt(name, async () => {
      if (missing !== undefined) throw new Error(`left out, ${missing}`);
      const result = await measure(contestant, found, work, rows);
      summary.push(summaryOf(contestant, result));
      const [first] = result.climbed.rungs;
      if (first === undefined) return;
      work.figures[name] = figuresOf(result);
      series.push({
        name,
        points: distribution(
          first.expiries.map(({ doneMs, expiresAtMs }) => doneMs - expiresAtMs),
          1,
        ),
      });
      if (deadlinesMs.length === 0) deadlinesMs.push(...first.expiries.map(({ expiresAtMs }) => expiresAtMs));
    });
  }
  const cronMs = lagOfCron(deadlinesMs, work.options.seed);
  const cron = percentilesOf(cronMs);
  work.figures[CRON] = { computed: true, ...cron };
  summary.push([CRON, cron.p50, cron.p99, cron.p999, cron.max, ...Array<string>(10).fill('-'), 'cron']);
  work.plot('peers', {
    title: `Lag at ${RATES[0]} deadlines a second, acknowledged`,
    xLabel: 'ms after the deadline (logarithmic)',
    yLabel: '% of bookings',
    series: [...series, { name: '5-minute cron', points: distribution(cronMs, 1) }],
    xTicks: [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000],
    yTicks: [0, 25, 50, 75, 100],
  });
};

const measure = async (contestant: Contestant, found: Found, work: SectionWork, rows: Rows): Promise<Result> => {
  const { name, needs, killed } = contestant;
  if (needs.includes('npm packages')) await work.progress('packages of npm', 10, installNpmPackages);
  if (needs.includes('python packages')) {
    await work.progress('packages of Python', 20, () => installPythonPackages(found.python ?? ''));
  }
  const system = await work.progress(`starting ${name}`, 5, () => contestant.start(found, work.assemblyDirectory));
  try {
    await work.progress(`${name}, warming up`, 16, () => system.warmUp());
    const ladder = await climb(RATES, (rate, tries) =>
      measureRate(system, rate, `load${rate}-${tries}-`, contestant, work, rows),
    );
    const afterKill = await work.progress(`${name}, with ${killed} killed`, 60, () =>
      measureAfterKill(system, 'kill-'),
    );
    return { climbed: ladder, afterKill };
  } finally {
    await system.stop();
  }
};

const measureRate = async (
  system: PeerSystem,
  perSecond: number,
  prefix: string,
  { name }: Contestant,
  work: SectionWork,
  rows: Rows,
): Promise<Step> => {
  // The first rate is the one that lags are compared at.
  const seconds = perSecond === RATES[0] ? work.options.seconds : STEP_SECONDS;
  const load = { perSecond, seconds, holdMs: STEP_HOLD_MS, prefix };
  const step = await work.progress(`${name}, ${perSecond}/s`, seconds + 5, () => applyStep(system, load));
  const { acknowledged, beforeWrite, early, missed, cpuMs, producerBehindMs } = step;
  const { p50, p99, p999, max } = acknowledged;
  const late = keptUp(step) ? Math.max(0, Math.round(producerBehindMs)) : `${Math.round(producerBehindMs)}, too late`;
  rows.push([name, perSecond, p50, p99, p999, max, beforeWrite.p99, early, missed, cpuMs, late]);
  return step;
};

const sum = (steps: readonly Step[], of: (step: Step) => number): number =>
  steps.reduce((total, step) => total + of(step), 0);

const summaryOf = ({ name, keepsRunning }: Contestant, { climbed, afterKill }: Result): (string | number)[] => {
  const { rungs, highest, limit } = climbed;
  const [first] = rungs;
  const { p50, p99, p999, max } = first?.acknowledged ?? percentilesOf([]);
  return [
    name,
    p50,
    p99,
    p999,
    max,
    first?.beforeWrite.p99 ?? Number.NaN,
    highest?.rate ?? `below ${RATES[0]}`,
    limit,
    first?.cpuMs ?? Number.NaN,
    highest?.cpuMs ?? Number.NaN,
    sum(rungs, ({ early }) => early),
    sum(rungs, ({ missed }) => missed),
    afterKill.pendingAfter30s,
    afterKill.pending,
    afterKill.longestLagMs / 1_000,
    keepsRunning,
  ];
};

const figuresOf = ({ climbed: { rungs, highest, limit }, afterKill }: Result) => ({
  steps: rungs.map(({ expiries: _expiries, ...figures }) => figures),
  highest: highest?.rate,
  limit,
  afterKill,
});
