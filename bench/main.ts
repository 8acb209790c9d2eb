/**
 * `npm run bench`: measures lag, requests, capacity, cost, sweeps and CPU on this machine, over the local runtime. Prints
 * tables and writes all figures as JSON. Nothing that it does leaves loopback.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { PROJECT_DIRECTORY, synthesize } from '../local/synth.ts';
import { lagHistogram, percentile } from '../measure/lag-report.ts';
import { readOptions, SECTIONS, type Section } from './options.ts';
import { withProgress } from './progress.ts';
import { distribution, drawLines, type Series, textTable } from './report.ts';
import { runSections } from './run-sections.ts';
import { billOf } from './sections/cost.ts';
import { measureCpu } from './sections/cpu.ts';
import { measureFar } from './sections/far.ts';
import { type LagResult, measureLag, percentilesOf, startWarmService } from './sections/lag.ts';
import { measureLoading } from './sections/loading.ts';
import { lagOfCron, measurePeers } from './sections/peers.ts';
import { compareRequests, compareServices } from './sections/permissions.ts';
import { measureBacklog, measureSweep } from './sections/sweep.ts';
import { simulate } from './simulation/scenarios.ts';
import type { Load, Shape } from './writer.ts';

const options = readOptions();
const { rates, seconds, paidPercents, tableSizes, backlog, seed } = options;
const say = (text: string): void => {
  if (!options.json) console.log(text);
};
const progress = <T>(label: string, forSeconds: number, work: (tell: (share: number) => void) => Promise<T>) =>
  withProgress(label, forSeconds, options.json, work);

/** What the running section has to say in the end, also if it fails. */
const lastWords: (() => void)[] = [];
/** A table that is printed when its section ends, with the rows that it has by then. */
const tableOf = (header: readonly string[], title = ''): (string | number)[][] => {
  const rows: (string | number)[][] = [];
  lastWords.push(() => {
    if (rows.length > 0) say(`\n${title && `${title}\n`}${textTable(header, rows)}`);
  });
  return rows;
};

const HOLD_MS = 10_000;
const HOUR_MS = 3_600_000;
const assemblyDirectory = join(PROJECT_DIRECTORY, '.local', 'bench-assembly');
const figures: Record<string, unknown> = {};

/** What a load came to, as rows of a table and as figures. */
const lagFigures = (result: LagResult) => {
  const { lagsMs, problems, measured, ...counts } = result;
  return { ...counts, ...percentilesOf(lagsMs), problems: problems.length };
};
const lagRow = (label: string, result: LagResult): (string | number)[] => {
  const { p50, p99, p999, max } = percentilesOf(result.lagsMs);
  const { early, missed, wronged, duplicates, timersPerBatch, lagsMs } = result;
  return [label, lagsMs.length, p50, p99, p999, max, early, missed, wronged, duplicates, timersPerBatch];
};
const LAG_HEADER = [
  'load',
  'expired',
  'p50 ms',
  'p99 ms',
  'p99.9 ms',
  'max ms',
  'early',
  'missed',
  'paid yet not confirmed',
  'twice',
  'timers a batch',
];

const load = (perSecond: number, shape: Shape, paidShare = 0, forSeconds = seconds): Omit<Load, 'prefix'> => ({
  perSecond,
  seconds: forSeconds,
  holdMs: HOLD_MS,
  shape,
  paidShare,
});

/** One load on a service of its own: the engine's writes get slower with every record that its stream keeps. */
const measureFresh = (
  label: string,
  given: Omit<Load, 'prefix'>,
  service: { metered?: boolean; environment?: Record<string, string> } = {},
): Promise<LagResult> =>
  progress(label, given.seconds + 30, async () => {
    const running = await startWarmService({ assemblyDirectory, ...service }, Math.min(50, given.perSecond));
    try {
      return await measureLag(running, given);
    } finally {
      await running.stop();
    }
  });

/** The highest rate, by steps of a quarter, at which the lag stays as it is at lower ones. */
const findHighestRate = async (from: number): Promise<number> => {
  let highest = from;
  for (let rate = Math.round(from * 1.25); ; rate = Math.round(rate * 1.25)) {
    const result = await measureFresh(`does it sustain ${rate}/s?`, load(rate, 'spread', 0, 15));
    if (result.missed > 0 || percentilesOf(result.lagsMs).p99 > 50) return highest;
    highest = rate;
  }
};

const series: Series[] = [];

const lagSection = async (): Promise<void> => {
  const rows = tableOf(LAG_HEADER);
  const found: Record<string, unknown> = {};
  const lag: { highestRate?: number; loads: typeof found } = { loads: found };
  figures.lag = lag;
  const measure = async (label: string, given: Omit<Load, 'prefix'>): Promise<LagResult> => {
    const result = await measureFresh(label, given);
    rows.push(lagRow(label, result));
    found[label] = lagFigures(result);
    // The others lie so close that a plot would not tell them apart.
    if (given.perSecond === 50) series.push({ name: label, points: distribution(result.lagsMs, 1) });
    return result;
  };
  const highest = await findHighestRate(Math.max(...rates));
  lag.highestRate = highest;
  for (const rate of new Set([...rates, highest])) {
    for (const shape of ['spread', 'scattered', 'coincide'] as const) {
      const result = await measure(`${rate}/s, ${shape}`, load(rate, shape));
      if (rate === 50 && shape === 'spread') {
        lastWords.push(() => say(`\nLag at 50/s, spread\n${lagHistogram(result.lagsMs).join('\n')}`));
      }
    }
  }
  await measure('1,000 in one second', load(50, 'one-second', 0, 20));
  await measure('50/s, spread, half of them paid', load(50, 'spread', 0.5));
  const far = await progress('50/s, held for 24 hours', 60, () =>
    measureFar({ assemblyDirectory }, { holdMs: 24 * HOUR_MS, perSecond: 50, seconds: 10, paidShare: 0 }, true),
  );
  rows.push(lagRow('50/s, held for 24 hours', far));
  found['50/s, held for 24 hours'] = { ...lagFigures(far), sweeps: far.sweeps };
};

const REQUESTS_HEADER = ['hold', 'operation', 'requests', 'write units', 'read units', 'billed ms'];
const BILL_HEADER = [
  'hold',
  'paid',
  'index, by the app',
  'writes',
  'reads',
  'SQS',
  'Lambda requests',
  'Lambda time',
  'storage',
  'total',
  'with events',
];

const costSection = async (): Promise<void> => {
  const requestRows = tableOf(REQUESTS_HEADER, 'Per booking');
  const rows = tableOf(BILL_HEADER, 'USD per million bookings, us-east-1, at 50 deadlines a second');
  const found: Record<string, unknown> = {};
  figures.cost = found;
  for (const percent of paidPercents) {
    const share = percent / 100;
    const near = await measureFresh(`metered, ${percent} % paid, 50/s`, load(50, 'spread', share), { metered: true });
    const far = await progress(`metered, ${percent} % paid, held for 24 hours`, 60, () =>
      measureFar(
        { assemblyDirectory, metered: true },
        { holdMs: 24 * HOUR_MS, perSecond: 50, seconds: 15, paidShare: share },
        false,
      ),
    );
    for (const [hold, result, holdMs] of [
      ['15 minutes', near, 900_000],
      ['24 hours', far, 24 * HOUR_MS],
      ['30 days', far, 720 * HOUR_MS],
    ] as const) {
      if (result.measured === undefined) continue;
      const bill = billOf(result.measured, holdMs, result.indexUnitsByApplication ?? 0);
      found[`${hold}, ${percent} % paid`] = { ...bill, measured: result.measured };
      rows.push([
        hold,
        `${percent} %`,
        ...bill.items.map((item) => item.usdPerMillion),
        bill.usdPerMillion,
        bill.withEvents,
      ]);
      if (hold === '30 days') continue;
      const { bookings, sqs, dynamodb, lambdas } = result.measured;
      for (const [service, operations] of Object.entries({ SQS: sqs, DynamoDB: dynamodb })) {
        for (const [operation, use] of Object.entries(operations)) {
          if (['GetRecords', 'DescribeStream', 'GetShardIterator'].includes(operation)) continue;
          requestRows.push([
            `${hold}, ${percent} % paid`,
            `${service} ${operation}`,
            use.requests / bookings,
            use.writeUnits / bookings,
            use.readUnits / bookings,
            '',
          ]);
        }
      }
      for (const [logicalId, use] of Object.entries(lambdas)) {
        const billedMs = use.billedMs / bookings;
        requestRows.push([
          `${hold}, ${percent} % paid`,
          `Lambda ${logicalId}`,
          use.invocations / bookings,
          '',
          '',
          billedMs,
        ]);
      }
    }
    if (far.idleSweep) found.idleSweep = far.idleSweep;
  }
  for (const shape of ['coincide', 'scattered'] as const) {
    const result = await measureFresh(`metered, ${shape}, 50/s`, load(50, shape), { metered: true });
    if (result.measured === undefined) continue;
    const bill = billOf(result.measured, 900_000, result.indexUnitsByApplication ?? 0);
    found[`15 minutes, ${shape}`] = { ...bill, measured: result.measured };
    rows.push([
      `15 minutes, ${shape}`,
      '0 %',
      ...bill.items.map((item) => item.usdPerMillion),
      bill.usdPerMillion,
      bill.withEvents,
    ]);
  }
};

const TUNING_TITLE = 'How early a timer comes: scattered deadlines, 50/s, no delivery later than the local queue’s';
const TUNING_HEADER = [
  'lead ms',
  'p50 ms',
  'p99 ms',
  'p99.9 ms',
  'max ms',
  'early',
  'timers a batch',
  'billed ms a booking',
  'USD a million',
];

const tuningSection = async (): Promise<void> => {
  const rows = tableOf(TUNING_HEADER, TUNING_TITLE);
  const found: Record<string, unknown> = {};
  figures.tuning = found;
  for (const leadMs of [0, 100, 250, 500, 1_000, 2_000]) {
    const given = load(50, 'scattered', 0, 20);
    const result = await measureFresh(`timerLead ${leadMs} ms`, given, {
      metered: true,
      environment: { TIMER_LEAD_MS: String(leadMs) },
    });
    if (result.measured === undefined) continue;
    const bill = billOf(result.measured, 900_000, result.indexUnitsByApplication ?? 0);
    const { p50, p99, p999, max } = percentilesOf(result.lagsMs);
    const billedMs = (result.measured.lambdas.ExpireBookingFunction?.billedMs ?? 0) / result.bookings;
    rows.push([leadMs, p50, p99, p999, max, result.early, result.timersPerBatch, billedMs, bill.usdPerMillion]);
    found[leadMs] = { ...lagFigures(result), billedMs, usdPerMillion: bill.usdPerMillion };
  }
};

const SWEEP_HEADER = ['bookings in the table', 'overdue, expired', 'requests', 'read units', 'write units', 'seconds'];
const BACKLOG_HEADER = ['run', 'expired', 'seconds', 'bookings a second', 'heap MB', 'hands over'];

const sweepSection = async (): Promise<void> => {
  const rows = tableOf(SWEEP_HEADER);
  const sweep: { sizes: unknown[]; backlog?: unknown } = { sizes: [] };
  figures.sweep = sweep;
  for (const tableSize of tableSizes) {
    const result = await progress(`sweep 1,000 overdue of ${tableSize.toLocaleString('en-US')}`, 0, (tell) =>
      measureSweep(assemblyDirectory, 1_000, tableSize, (done) => tell(done / tableSize)),
    );
    const uses = Object.values(result.usage);
    const sum = (of: 'requests' | 'readUnits' | 'writeUnits') => uses.reduce((total, use) => total + use[of], 0);
    rows.push([tableSize, result.expired, sum('requests'), sum('readUnits'), sum('writeUnits'), result.seconds]);
    sweep.sizes.push(result);
  }
  const result = await progress(`backlog of ${backlog.toLocaleString('en-US')} overdue`, 0, (tell) =>
    measureBacklog(assemblyDirectory, backlog, 30, (done) => tell(done / backlog)),
  );
  const title = `Backlog: ${backlog.toLocaleString('en-US')} overdue at once, ${result.timeLimitSeconds} s for each run`;
  tableOf(BACKLOG_HEADER, title).push(
    ...result.runs.map((run, index) => [
      index + 1,
      run.expired,
      run.seconds,
      run.expired / run.seconds,
      run.heapMb,
      run.remaining ? 'yes' : 'no',
    ]),
  );
  sweep.backlog = result;
};

const cpuSection = async (): Promise<void> => {
  const cpu = await progress('own CPU', 20, () => measureCpu(20_000));
  figures.cpu = { handlers: cpu };
  say(
    `\nOwn CPU, network and waits taken out\n${textTable(
      ['what', 'µs a booking'],
      cpu.map(({ what, microsPerBooking }) => [what, microsPerBooking]),
    )}`,
  );
  const loading = await progress('loading of the bundles', 20, () => measureLoading(assemblyDirectory));
  say(
    `\n${textTable(
      ['Lambda', 'bundle kB', 'import ms', 'memory MB'],
      loading.map((each) => [each.name, each.bytes / 1_000, each.importMs, each.residentMb]),
    )}`,
  );
  figures.cpu = { handlers: cpu, bundles: loading };
};

const CHECKED_REQUESTS = 'Ten statements in one request, by turns';
const CHECKED_SERVICES = '50/s, spread: three loads on each of two services, by turns';

/** What it costs that each request of a Lambda is checked against its role: everywhere else in this benchmark it is. */
const permissionsSection = async (): Promise<void> => {
  const found: Record<string, unknown> = {};
  figures.permissions = found;
  const requestRows = tableOf(['the check is', 'requests', 'p50 ms', 'p99 ms', 'CPU µs a request'], CHECKED_REQUESTS);
  const requests = await progress('requests, unchecked and checked', 30, () => compareRequests(2_000, 6));
  for (const [name, { latenciesMs, cpuMicros }] of Object.entries(requests)) {
    const [p50, p99] = [percentile(latenciesMs, 0.5), percentile(latenciesMs, 0.99)];
    requestRows.push([name, latenciesMs.length, p50, p99, cpuMicros]);
    found[`requests, ${name}`] = { requests: latenciesMs.length, p50, p99, cpuMicros };
  }
  requestRows.push(['on / off', '', '', '', requests.on.cpuMicros / requests.off.cpuMicros]);

  const given = load(50, 'spread', 0, Math.min(seconds, 15));
  const rows = tableOf(['the check is', 'expired', 'p50 ms', 'p99 ms', 'max ms', 'CPU µs a booking'], CHECKED_SERVICES);
  const services = await progress('services, unchecked and checked', 6 * (given.seconds + 15), () =>
    compareServices(assemblyDirectory, given, 3),
  );
  for (const [name, { lagsMs, cpuMicros }] of Object.entries(services)) {
    const { p50, p99, max } = percentilesOf(lagsMs);
    rows.push([name, lagsMs.length, p50, p99, max, cpuMicros]);
    found[`services, ${name}`] = { expired: lagsMs.length, ...percentilesOf(lagsMs), cpuMicros };
  }
  rows.push(['on / off', '', '', '', '', services.on.cpuMicros / services.off.cpuMicros]);
};

const simulationSection = async (): Promise<void> => {
  const { text, figures: simulated, plot } = await progress('simulation', 60, () => simulate(seed));
  say(`\n${text}`);
  figures.simulation = simulated;
  if (options.plots) drawLines(join(options.plots, 'simulation.svg'), plot);
};

const peersSection = async (): Promise<void> => {
  const given = load(50, 'spread');
  const result = await measurePeers(given, assemblyDirectory, progress);
  say(`\n${result.text}`);
  figures.peers = result.figures;
  if (result.failure !== undefined) throw result.failure;
  if (options.plots) {
    const cron = { name: '5-minute cron', points: distribution(lagOfCron(result.deadlinesMs, seed), 1) };
    drawLines(join(options.plots, 'peers.svg'), {
      title: 'Lag at 50 deadlines a second, acknowledged',
      xLabel: 'ms after the deadline (logarithmic)',
      yLabel: '% of bookings',
      series: [...result.series, cron],
      xTicks: [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000],
      yTicks: [0, 25, 50, 75, 100],
    });
  }
};

const RUN: Record<Section, () => Promise<void>> = {
  lag: lagSection,
  cost: costSection,
  tuning: tuningSection,
  sweep: sweepSection,
  cpu: cpuSection,
  permissions: permissionsSection,
  simulation: simulationSection,
  peers: peersSection,
};

if (options.plots) mkdirSync(options.plots, { recursive: true });
const commit = (() => {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
})();
figures.machine = {
  date: new Date().toISOString().slice(0, 10),
  commit,
  node: process.version,
  cpu: `${cpus().length} × ${cpus()[0]?.model}`,
  memoryGb: Math.round(totalmem() / 1e9),
  permissions: 'checked',
};
say(`${cpus().length} cores, ${cpus()[0]?.model}; Node ${process.version}; commit ${commit}; permissions are checked`);
await synthesize(assemblyDirectory, { stage: 'bench', shardCount: '10', removalPolicy: 'destroy' });
const failures: Record<string, string[]> = {};
await runSections(
  SECTIONS.filter((section) => options.sections.has(section)).map((name) => ({ name, run: RUN[name] })),
  {
    onFailure: (section, error) => {
      const reason = error instanceof Error ? error.message || error.name : String(error);
      failures[section] = [...(failures[section] ?? []), reason];
      console.error(`bench: ${section} failed: ${reason}`);
      process.exitCode = 1;
    },
    onEnd: () => {
      for (const speak of lastWords.splice(0)) speak();
    },
  },
);
if (Object.keys(failures).length > 0) figures.failures = failures;

if (options.plots && series.length > 0) {
  drawLines(join(options.plots, 'lag.svg'), {
    title: 'Lag of expired bookings, local runtime',
    xLabel: 'ms after the deadline (logarithmic; 1 stands for 0 and 1)',
    yLabel: '% of bookings',
    series,
    xTicks: [1, 10, 100, 1_000, 10_000],
    yTicks: [0, 25, 50, 75, 100],
  });
}
mkdirSync(dirname(options.out), { recursive: true });
const json = JSON.stringify(figures, undefined, 2);
writeFileSync(options.out, `${json}\n`);
if (options.json) console.log(json);
say(`\nAll figures: ${options.out}`);
for (const section of Object.keys(failures)) say(`Not measured, or in part only: ${section}`);
process.exit();
