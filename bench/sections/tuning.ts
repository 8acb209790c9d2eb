/** How early a timer should come: what each lead does to the lag and to the bill. */
import { MINUTE_MS } from '../../functions/core/hold-time.ts';
import { percentilesOf } from '../../measure/lag-report.ts';
import { billOf } from '../bill.ts';
import { loadOf, measureFresh } from '../fresh-load.ts';
import { lagFigures } from '../load-lag.ts';
import type { SectionWork } from '../section.ts';

const TITLE = 'How early a timer comes: scattered deadlines, 50/s, no delivery later than the local queue’s';
const HEADER = [
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

export const tuningSection = async (work: SectionWork): Promise<void> => {
  const rows = work.table(HEADER, TITLE);
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
