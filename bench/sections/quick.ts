/** The headline figures in about two minutes, beside what a team would write first. Needs no server. */
import { percentilesOf } from '../../measure/lag-report.ts';
import { measureLag, startWarmService, stepLoad } from '../load-lag.ts';
import { measureRival, type RivalName, type RivalResult } from '../plain-rivals.ts';
import type { SectionWork } from '../section.ts';

const PER_SECOND = 50;
const SECONDS = 15;
const RIVALS: readonly RivalName[] = ['setTimeout', 'SQS and UpdateItem'];
/** What is lost by a kill, or by a deployment, of the process that waits. */
const AFTER_A_KILL = {
  'booking-expiry': 'nothing is lost',
  setTimeout: 'every timer is lost',
  'SQS and UpdateItem': 'nothing is lost',
} as const;
const HEADER = [
  'system',
  'expired',
  'p50 ms',
  'p99 ms',
  'max ms',
  'early',
  'missed',
  'CPU ms',
  'DynamoDB',
  'p99 ratio',
  'CPU ratio',
  'after a kill',
];

/** Each at the same rate on engines of its own, one after the other. */
export const quickSection = async (work: SectionWork): Promise<void> => {
  const load = stepLoad(PER_SECOND, SECONDS);
  const title = `${PER_SECOND}/s, spread, holds of ${load.holdMs / 1_000} s, for ${SECONDS} s. CPU a booking; ratios to booking-expiry`;
  const rows = work.table(HEADER, title);
  let own: Figures | undefined;
  const put = (system: keyof typeof AFTER_A_KILL, result: Omit<RivalResult, 'bookings'>): Figures => {
    const { p50, p99, max } = percentilesOf(result.lagsMs);
    const { processMs, dynamodbMs } = result.cpu;
    const cpuMs = processMs + (Number.isNaN(dynamodbMs) ? 0 : dynamodbMs);
    const figures = { expired: result.lagsMs.length, p50, p99, max, early: result.early, missed: result.missed, cpuMs };
    const ratios = own === undefined ? [1, 1] : [p99 / own.p99, cpuMs / own.cpuMs];
    const { expired, early, missed } = figures;
    rows.push([system, expired, p50, p99, max, early, missed, cpuMs, dynamodbMs, ...ratios, AFTER_A_KILL[system]]);
    work.figures[system] = figures;
    return figures;
  };
  await work.attempt('booking-expiry', async () => {
    const service = await work.progress('booking-expiry', 45, () =>
      startWarmService({ assemblyDirectory: work.assemblyDirectory }, PER_SECOND),
    );
    try {
      own = put('booking-expiry', await measureLag(service, load));
    } finally {
      await service.stop();
    }
  });
  for (const name of RIVALS) {
    await work.attempt(name, async () => {
      put(name, await work.progress(name, SECONDS + 6, () => measureRival(name, work.assemblyDirectory, load)));
    });
  }
};

interface Figures {
  readonly p99: number;
  readonly cpuMs: number;
}
