/** Two settings at several values: how early a timer comes, and how close together deadlines share a write. What each does to lag and bill. */
import { MINUTE_MS } from '../../functions/core/hold-time.ts';
import { percentilesOf } from '../../measure/lag-report.ts';
import { billOf } from '../bill.ts';
import { loadOf, measureFresh } from '../fresh-load.ts';
import { lagFigures } from '../load-lag.ts';
import type { SectionWork } from '../section.ts';

const LEADS_TITLE = 'How early a timer comes: scattered deadlines, 50/s, no delivery later than the local queue’s';
const LEADS_HEADER = [
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
const LEADS_MS = [0, 100, 250, 500, 1_000, 2_000];

const MOMENTS_TITLE = 'How close together deadlines share a write: spread, 50/s';
const MOMENTS_HEADER = [
  'same moment ms',
  'p50 ms',
  'p99 ms',
  'max ms',
  'early',
  'timers a batch',
  'write requests a booking',
  'CPU ms a booking, meters included',
  'billed ms a booking',
  'USD a million',
];
const MOMENTS_MS = [0, 5, 20, 50, 100, 200, 500];

export const tuningSection = async (work: SectionWork): Promise<void> => {
  await work.attempt('leads', () => leads(work));
  await work.attempt('moments', () => moments(work));
};

const leads = async (work: SectionWork): Promise<void> => {
  const rows = work.table(LEADS_HEADER, LEADS_TITLE);
  for (const leadMs of LEADS_MS) {
    const result = await measureFresh(work, `timerLead ${leadMs} ms`, loadOf(50, 20, 'scattered'), {
      metered: true,
      environment: { TIMER_LEAD_MS: String(leadMs) },
    });
    if (result.measured === undefined) continue;
    const { usdPerMillion } = billOf(result.measured, 15 * MINUTE_MS, result.indexUnitsByApplication ?? 0);
    const { p50, p99, p999, max } = percentilesOf(result.lagsMs);
    const billedMs = (result.measured.lambdas.ExpireBookingFunction?.billedMs ?? 0) / result.bookings;
    rows.push([leadMs, p50, p99, p999, max, result.early, result.timersPerBatch, billedMs, usdPerMillion]);
    work.figures[leadMs] = { ...lagFigures(result), billedMs, usdPerMillion };
  }
};

const moments = async (work: SectionWork): Promise<void> => {
  const rows = work.table(MOMENTS_HEADER, MOMENTS_TITLE);
  const figures: Record<string, unknown> = {};
  work.figures.sameMoment = figures;
  for (const sameMomentMs of MOMENTS_MS) {
    const result = await measureFresh(work, `same moment ${sameMomentMs} ms`, loadOf(50, 20, 'spread'), {
      metered: true,
      environment: { SAME_MOMENT_MS: String(sameMomentMs) },
    });
    if (result.measured === undefined) continue;
    const { usdPerMillion } = billOf(result.measured, 15 * MINUTE_MS, result.indexUnitsByApplication ?? 0);
    const { p50, p99, max } = percentilesOf(result.lagsMs);
    const writes = (result.measured.dynamodb.BatchExecuteStatement?.requests ?? 0) / result.bookings;
    const billedMs = (result.measured.lambdas.ExpireBookingFunction?.billedMs ?? 0) / result.bookings;
    const { early, timersPerBatch, cpu } = result;
    rows.push([sameMomentMs, p50, p99, max, early, timersPerBatch, writes, cpu.processMs, billedMs, usdPerMillion]);
    figures[sameMomentMs] = { ...lagFigures(result), writes, billedMs, usdPerMillion };
  }
};
