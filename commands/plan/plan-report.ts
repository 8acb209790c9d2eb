/** A plan as people read it, and as programs do. */
import { ASSUMPTIONS } from '../../bench/simulation/assumptions.ts';
import type { Played } from '../../bench/simulation/play.ts';
import { SECOND_MS } from '../../functions/core/hold-time.ts';
import type { Choice, Tried } from './choose.ts';
import { type Quota, quotasOf } from './quotas.ts';
import type { Sale } from './sale.ts';
import { COLD_WRITES, demandOf, type Setting, UNPREPARED } from './sizing.ts';

/** What the figures of a plan are, and are not. It is part of every plan. */
const WHAT_IT_IS = [
  'Lags, batches and throttling are simulated; nothing of it was seen on AWS. They rest on what AWS documents (AWS Lambda Developer',
  'Guide, "Configuring scaling behavior for SQS event source mappings" and "Lambda scaling behavior"; Amazon DynamoDB Developer',
  'Guide, "Warm throughput in different scenarios") and on guesses: bookings that are written evenly, deliveries late by',
  `${ASSUMPTIONS.deliveryJitterMs} ms on average, ${ASSUMPTIONS.timersPerPoll} timers a poll, cold starts of ${ASSUMPTIONS.coldStartMs} ms, round trips of ${ASSUMPTIONS.roundTripMs} ms.`,
  'docs/performance.md shows how a result moves with each.',
].join(' ');

export interface PlanReport {
  readonly sale: Sale & { readonly perSecond: number; readonly expiring: number };
  readonly set: Setting;
  readonly quotas: readonly (Quota & { readonly mustBeRaised: boolean })[];
  readonly targetMet: boolean;
  readonly expected: Expected;
  readonly ifNothingIsSet: Expected;
  readonly tried: readonly { readonly set: Setting; readonly expected: Expected; readonly usd: number }[];
  readonly costUsd: Tried['cost'];
  readonly assumptions: typeof ASSUMPTIONS;
  readonly seed: number;
  readonly whatItIs: string;
}

/** What was simulated. Times in ms. */
export type Expected = Pick<
  Played,
  'lags' | 'peakConcurrency' | 'throttled' | 'crowded' | 'bySweep' | 'early' | 'left'
>;

export const planReport = (
  sale: Sale,
  { chosen, meetsTarget, unprepared, tried }: Choice,
  seed: number,
): PlanReport => ({
  sale: {
    ...sale,
    perSecond: sale.bookings / sale.seconds,
    expiring: chosen.played.bookings - chosen.played.confirmed,
  },
  set: chosen.setting,
  quotas: quotasOf(demandOf(sale), chosen.setting, chosen.played).map((quota) => ({
    ...quota,
    mustBeRaised: quota.needed > quota.usually,
  })),
  targetMet: meetsTarget,
  expected: expectedOf(chosen.played),
  ifNothingIsSet: expectedOf(unprepared.played),
  tried: tried.map(({ setting, played, cost }) => ({ set: setting, expected: expectedOf(played), usd: cost.totalUsd })),
  costUsd: chosen.cost,
  assumptions: ASSUMPTIONS,
  seed,
  whatItIs: WHAT_IT_IS,
});

const expectedOf = ({ lags, peakConcurrency, throttled, crowded, bySweep, early, left }: Played): Expected => ({
  lags,
  peakConcurrency,
  throttled,
  crowded,
  bySweep,
  early,
  left,
});

/** The plan in text. */
export const planText = (plan: PlanReport): string => {
  const { sale, set, quotas, ifNothingIsSet, costUsd } = plan;
  const raised = quotas.filter(({ mustBeRaised }) => mustBeRaised);
  return [
    `${count(sale.bookings)} bookings in ${count(sale.seconds)} s (${count(sale.perSecond)} a second), held for ${timeOf(sale.holdMs)}, ${Math.round(sale.paidShare * 100)} % paid: ${count(sale.expiring)} expire`,
    '',
    'Set, a day before',
    ...settingLines(set),
    '',
    'Have raised, a week before',
    ...(raised.length === 0 ? ['  nothing: the usual quotas suffice'] : raised.map(quotaLine)),
    '',
    `${'Lag to expect, in ms'.padEnd(LABEL_WIDTH)}${COLUMNS.map((name) => name.padStart(10)).join('')}`,
    ...plan.tried.map((each) =>
      expectedLine(each.set === set ? '→' : ' ', settingText(each.set), each.expected, each.usd),
    ),
    expectedLine(' ', 'if nothing is set', ifNothingIsSet),
    ...(plan.targetMet ? [] : ['', ...shortfallLines(plan)]),
    '',
    `Cost at list price: ${usd(costUsd.totalUsd)} USD`,
    `  the bookings                 ${usd(costUsd.bookingsUsd)}`,
    ...(set.pollers
      ? [
          `  pollers, for ${costUsd.pollerHours} h            ${usd(costUsd.pollersUsd)}, which is ${usd(costUsd.pollersUsdPerHour)} an hour: take them away afterwards`,
        ]
      : []),
    ...(needsWarmth(set)
      ? ['  warm throughput              not in it: it is paid once, see the DynamoDB pricing page']
      : []),
    '',
    'Commands',
    ...commandLines(set),
    '',
    ...wrapped(plan.whatItIs, 110),
  ].join('\n');
};

const settingLines = ({ shardCount, pollers, timerLeadMs, tableWarmWrites, indexWarmWrites }: Setting): string[] => [
  row('shardCount', count(shardCount), isDefault('shardCount', shardCount)),
  row('timerPollersMin', pollers ? count(pollers.min) : 'none', pollers ? '' : 'as by default'),
  row('timerPollersMax', pollers ? count(pollers.max) : 'none', pollers ? '' : 'as by default'),
  row('timerLeadMs', count(timerLeadMs), isDefault('timerLeadMs', timerLeadMs)),
  row('warm throughput, table', count(tableWarmWrites), warmthNote(tableWarmWrites)),
  row('warm throughput, index', count(indexWarmWrites), warmthNote(indexWarmWrites)),
];

const row = (name: string, value: string, note: string): string =>
  `  ${name.padEnd(26)}${value.padStart(9)}   ${note}`.trimEnd();

const isDefault = (name: 'shardCount' | 'timerLeadMs', value: number): string =>
  value === UNPREPARED[name] ? 'as by default' : '';

const warmthNote = (writes: number): string =>
  writes === COLD_WRITES ? 'write units a second, as a new table has' : 'write units a second';

const needsWarmth = ({ tableWarmWrites, indexWarmWrites }: Setting): boolean =>
  tableWarmWrites > COLD_WRITES || indexWarmWrites > COLD_WRITES;

const quotaLine = ({ where, needed, usually }: Quota): string =>
  `  ${where}: ${count(needed)} (usually ${count(usually)})`;

const LABEL_WIDTH = 36;
/** Throttled are writes of expiries that a full partition refused at first, yours those of the application. */
const COLUMNS = ['p50', 'p99', 'p99.9', 'max', 'batches', 'throttled', 'yours', 'USD'];

const settingText = ({ pollers, timerLeadMs }: Setting): string =>
  `${pollers ? `${count(pollers.min)} pollers` : 'no pollers'}, lead ${count(timerLeadMs)} ms`;

const expectedLine = (mark: string, label: string, expected: Expected, cost?: number): string => {
  const { lags, peakConcurrency, throttled, crowded, left } = expected;
  const numbers = [lags.p50, lags.p99, lags.p999, lags.max, peakConcurrency, throttled, crowded];
  const cells = [
    ...numbers.map((value) => (Number.isNaN(value) ? '-' : count(value))),
    cost === undefined ? '' : usd(cost),
  ];
  const line = `${`${mark} ${label}`.padEnd(LABEL_WIDTH)}${cells.map((cell) => cell.padStart(10)).join('')}`;
  return `${line}${left > 0 ? `   ${count(left)} left` : ''}`.trimEnd();
};

const shortfallLines = ({ sale }: PlanReport): string[] => [
  `The target, a p99 of ${count(sale.targetP99Ms)} ms, is not kept by anything that can be set. Spread the deadlines: a sale over twice the`,
  'seconds asks half as much a second.',
];

const commandLines = (set: Setting): string[] => {
  const settings = [
    `-c shardCount=${set.shardCount}`,
    ...(set.pollers ? [`-c timerPollersMin=${set.pollers.min}`, `-c timerPollersMax=${set.pollers.max}`] : []),
    `-c timerLeadMs=${set.timerLeadMs}`,
  ];
  return [
    `  npx cdk deploy ${settings.join(' ')}     # with the settings that you deploy with otherwise`,
    ...(needsWarmth(set)
      ? [
          `  aws dynamodb update-table --table-name <BookingsTableName> --warm-throughput WriteUnitsPerSecond=${set.tableWarmWrites},ReadUnitsPerSecond=12000 \\`,
          `    --global-secondary-index-updates '[{"Update":{"IndexName":"pending-by-expiry","WarmThroughput":{"WriteUnitsPerSecond":${set.indexWarmWrites},"ReadUnitsPerSecond":12000}}}]'`,
        ]
      : []),
    ...(set.pollers ? ['  npx cdk deploy     # afterwards, without the pollers'] : []),
  ];
};

const count = (value: number): string => Math.round(value).toLocaleString('en-US');

/** Cents, and more digits below a cent. */
const usd = (value: number): string => (value >= 0.01 || value === 0 ? value.toFixed(2) : value.toFixed(5));

const timeOf = (ms: number): string => {
  const seconds = ms / SECOND_MS;
  for (const [unit, length] of [
    ['d', 86_400],
    ['h', 3_600],
    ['min', 60],
  ] as const) {
    if (seconds >= length && seconds % length === 0) return `${seconds / length} ${unit}`;
  }
  return `${seconds} s`;
};

/** Lines of a width, broken at spaces. */
const wrapped = (text: string, width: number): string[] => {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + word.length >= width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
};
