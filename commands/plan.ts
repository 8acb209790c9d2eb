/** `npm run plan`: what to set before a big sale, what lag to expect and what it costs, from the simulation. */
import { canShowBars, progressBar } from '../terminal/progress-bar.ts';
import { endIfUsage, parseOptions, UsageError } from '../terminal/usage.ts';
import { choose } from './plan/choose.ts';
import { planReport, planText } from './plan/plan-report.ts';
import { saleOf } from './plan/sale.ts';
import { wholeNumber } from './whole-number.ts';

const USAGE = `Usage: npm run plan -- --sale <n> [options]

Says what to set before a big sale: shards, pollers, lead, warm throughput and quotas; what lag to expect, and what it
costs. It simulates the sale with the service's own code over AWS in simulated time, for some settings, and takes the
cheapest that keeps the target. It needs no AWS account and asks nothing of AWS; a large sale takes a minute or two.

  --sale <n>             bookings that are written: 1 to 2000000
  --seconds <n>          within how many seconds, evenly: 1 to 86400 (default 60). Give those in which most are written
  --hold <time>          how long each holds: 5s to 7d, such as 90s, 10m, 2h or 1d (default 10m)
  --paid <n>             how many of 100 are paid in time: 0 to 100 (default 50)
  --p99 <ms>             the lag that 99 of 100 shall keep: 1 to 600000 (default 100)
  --seed <n>             seed of the simulation: 0 to 1000000; the same gives the same plan (default 1)
  --json                 JSON instead of text; into a pipe: npm run --silent plan -- --sale 200000 --json | jq
  -h, --help             this text

Exit codes: 0 planned, 1 the simulation failed, or nothing that can be set keeps the target; 2 wrong usage.`;

const readOptions = () =>
  parseOptions({
    options: {
      sale: { type: 'string' },
      seconds: { type: 'string', default: '60' },
      hold: { type: 'string', default: '10m' },
      paid: { type: 'string', default: '50' },
      p99: { type: 'string', default: '100' },
      seed: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  }).values;

/** Does some work and shows how far it is: by a bar on a terminal, by lines otherwise. */
const withProgress = async <T>(label: string, work: (showShare: (share: number) => void) => Promise<T>): Promise<T> => {
  if (!canShowBars()) {
    console.error(`${label}…`);
    return work((share) => console.error(`${label}: ${Math.round(share * 100)} %`));
  }
  const bar = progressBar({ format: `{bar} ${label}, {duration_formatted}`, clearOnComplete: true });
  bar.start(100, 0);
  const tick = setInterval(() => bar.updateETA(), 1_000);
  try {
    return await work((share) => bar.update(Math.round(share * 100)));
  } finally {
    clearInterval(tick);
    bar.stop();
  }
};

const plan = async (): Promise<void> => {
  const options = readOptions();
  if (options.help) {
    console.log(USAGE);
    return;
  }
  const sale = saleOf(options);
  const seed = wholeNumber('seed', options.seed, 0, 1_000_000);
  const choice = await withProgress('simulating the sale', (showShare) => choose(sale, seed, showShare));
  const report = planReport(sale, choice, seed);
  if (!report.targetMet) process.exitCode = 1;
  console.log(options.json ? JSON.stringify(report) : planText(report));
};

plan().catch((error) => {
  if (error instanceof UsageError) endIfUsage('plan', error);
  console.error(`plan: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
});
