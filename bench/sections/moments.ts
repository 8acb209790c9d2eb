/** How close together deadlines share a write: what `sameMomentMs` does to lag, requests, CPU and bill. */
import { MINUTE_MS } from '../../functions/core/hold-time.ts';
import { percentilesOf } from '../../measure/lag-report.ts';
import { billOf } from '../bill.ts';
import { loadOf, measureFresh } from '../fresh-load.ts';
import { lagFigures } from '../load-lag.ts';
import type { SectionWork } from '../section.ts';

const TITLE = 'How close together deadlines share a write: spread, 50/s, through the meters';
const HEADER = [
  'same moment ms',
  'p50 ms',
  'p99 ms',
  'max ms',
  'early',
  'timers a batch',
  'write requests a booking',
  'CPU ms a booking',
  'billed ms a booking',
  'USD a million',
];
const MOMENTS_MS = [0, 5, 20, 50, 100, 200, 500];

export const momentsSection = async (work: SectionWork): Promise<void> => {
  const rows = work.table(HEADER, TITLE);
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
    work.figures[sameMomentMs] = { ...lagFigures(result), writes, billedMs, usdPerMillion };
  }
};
