/**
 * `npm run soak -- --minutes 60`: steady load on the local runtime for as long as asked. Memory must stay flat, lag must not
 * grow, and nothing may be stuck in the end. Exit code 1 if not.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { LOCAL_CREDENTIALS, REGION } from '../local/engines.ts';
import { percentile, percentilesOf } from '../measure/lag-report.ts';
import { PROJECT_DIRECTORY, synthesize } from '../service/project.ts';
import { endIfUsage, parseOptions, UsageError } from '../terminal/usage.ts';
import { measureLag } from './load-lag.ts';
import { textTable } from './report.ts';
import { startService } from './service.ts';

const USAGE = `Usage: npm run soak -- [options]

  --minutes <n>      how long (default 2)
  --per-second <n>   bookings per second, half of them paid (default 10)
  -h, --help         this text

Exit codes: 0 nothing grew and nothing is stuck; 1 something did or is; 2 wrong usage.`;

const readOptions = () => {
  try {
    const { values } = parseOptions({
      options: {
        minutes: { type: 'string', default: '2' },
        'per-second': { type: 'string', default: '10' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    for (const name of ['minutes', 'per-second'] as const) {
      if (!/^[1-9]\d*$/.test(values[name])) {
        throw new UsageError(`--${name} must be a whole number from 1, got ${values[name]}`);
      }
    }
    return values;
  } catch (error) {
    return endIfUsage('soak', error);
  }
};
const options = readOptions();
if (options.help) {
  console.log(USAGE);
  process.exit();
}

/** Length of one row of the report. */
const ROUND_SECONDS = 20;
const HOLD_MS = 8_000;

const assemblyDirectory = join(PROJECT_DIRECTORY, '.local', 'bench-assembly');
await synthesize(assemblyDirectory, { stage: 'bench', shardCount: '10', removalPolicy: 'destroy' });
const service = await startService({ assemblyDirectory });
const load = { perSecond: Number(options['per-second']), holdMs: HOLD_MS, shape: 'spread', paidShare: 0.5 } as const;
await measureLag(service, { ...load, seconds: 10 });

const rounds: { p50: number; p99: number; max: number; heapMb: number; residentMb: number; wrong: number }[] = [];
const header = [
  'minute',
  'p50 ms',
  'p99 ms',
  'max ms',
  'largest worker heap MB',
  'resident MB',
  'early, missed or wronged',
];
console.log(textTable(header, []));
const count = Math.ceil((Number(options.minutes) * 60) / ROUND_SECONDS);
for (let round = 1; round <= count; round += 1) {
  const { lagsMs, early, missed, wronged } = await measureLag(service, { ...load, seconds: ROUND_SECONDS });
  const { p50, p99, max } = percentilesOf(lagsMs);
  const heapMb = await service.largestHeapMb();
  const residentMb = process.memoryUsage().rss / 1e6;
  const wrong = early + missed + wronged;
  rounds.push({ p50, p99, max, heapMb, residentMb, wrong });
  const cells = [
    ((round * ROUND_SECONDS) / 60).toFixed(1),
    p50,
    p99,
    max,
    Math.round(heapMb),
    Math.round(residentMb),
    wrong,
  ];
  console.log(cells.map((cell, index) => String(cell).padEnd((header[index] ?? '').length)).join('  '));
}
await sleep(2_000);
const sqs = new SQSClient({ region: REGION, credentials: LOCAL_CREDENTIALS, endpoint: service.runtime.sqsEndpoint });
const left: Record<string, number> = {};
for (const name of ['TimerQueueUrl', 'TimerDeadLetterQueueUrl']) {
  const { Attributes = {} } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: service.runtime.outputs[name], AttributeNames: ['All'] }),
  );
  left[name] =
    Number(Attributes.ApproximateNumberOfMessages) + Number(Attributes.ApproximateNumberOfMessagesNotVisible);
}
await service.stop();

/** The last third against the first: a tenth more and some MB is noise, steady growth is not. */
const third = Math.max(1, Math.floor(rounds.length / 3));
const median = (of: 'p50' | 'heapMb' | 'residentMb', rows: typeof rounds) =>
  percentile(
    rows.map((row) => row[of]),
    0.5,
  );
const problems = [
  ...(rounds.some(({ wrong }) => wrong > 0) ? ['bookings were early, missed or wronged'] : []),
  ...Object.entries(left).flatMap(([name, messages]) =>
    messages > 0 ? [`${messages} message(s) are left in ${name}`] : [],
  ),
  ...(['p50', 'heapMb'] as const).flatMap((of) => {
    const [first, last] = [median(of, rounds.slice(0, third)), median(of, rounds.slice(-third))];
    return last > first * 1.25 + 10 ? [`${of} grew from ${first.toFixed(0)} to ${last.toFixed(0)}`] : [];
  }),
];
mkdirSync(join(PROJECT_DIRECTORY, '.local'), { recursive: true });
writeFileSync(
  join(PROJECT_DIRECTORY, '.local', 'soak.json'),
  `${JSON.stringify({ rounds, left, problems }, undefined, 2)}\n`,
);
console.log(problems.length === 0 ? '\nFlat: nothing grew, nothing is stuck.' : `\nNot flat: ${problems.join('; ')}.`);
process.exit(problems.length === 0 ? 0 : 1);
