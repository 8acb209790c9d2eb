/** A sale: many more buyers than slots, most of whom do not pay. Then what slots cost, and what AWS would let through. */
import { startWarmService } from '../load-lag.ts';
import { textTable } from '../report.ts';
import type { Sale } from '../sale/crowd.ts';
import {
  ANSWERED_HEADER,
  answeredRow,
  saleFigures,
  TIMES_HEADER,
  timesRows,
  USE_HEADER,
  useRow,
  WRONG_HEADER,
  wrongRow,
} from '../sale/report.ts';
import { holdSale } from '../sale/sale.ts';
import { measureUnits } from '../sale/units.ts';
import type { SectionWork } from '../section.ts';
import { startService } from '../service.ts';
import { simulateHotSlots } from '../simulation/hot-slots.ts';

/** The holds are as short as they are for slots to go round several times within the minute. */
const SALE = { buyers: 20_000, slots: 1_000, seconds: 60, holdMs: 5_000, unpaidShare: 0.7, waitersAtMost: 2 };
/** The same shape, and as far as the API of one machine goes: each of its requests is an invocation of a Lambda. */
const TENTH = { ...SALE, buyers: 2_000, slots: 100 };
/** The smaller ones first: a machine that does not keep up with the last has the others. */
const SALES: readonly (readonly [name: string, sale: Omit<Sale, 'prefix'>, through: 'store' | 'http'])[] = [
  ['2,000 buyers, 100 slots, over the HTTP API', TENTH, 'http'],
  ['2,000 buyers, 100 slots, through the store', TENTH, 'store'],
  ['20,000 buyers, 1,000 slots, in three minutes', { ...SALE, seconds: 180 }, 'store'],
  ['20,000 buyers, 1,000 slots, in one minute', { ...SALE, holdMs: 15_000 }, 'store'],
];
/** The holds that lapse last, and the audit. */
const AFTERWARDS_SECONDS = 60;
const SLOT_COUNTS = [0, 1, 10];
const BOOKINGS_METERED = 50;

export const slotsSection = async (work: SectionWork): Promise<void> => {
  const sales = saleTables(work);
  await measureUse(work);
  const { options, figures, progress, say } = work;
  const simulated = await progress('hot slots on AWS, simulated', 60, () => simulateHotSlots(options.seed));
  figures.simulated = simulated.figures;
  work.atEnd(() => say(`\n${textTable(simulated.header, simulated.rows)}`));
  for (const each of SALES) await measureSale(work, sales, ...each);
};

const saleTables = ({ table }: SectionWork) => ({
  wrong: table(WRONG_HEADER, 'What must not be'),
  answered: table(ANSWERED_HEADER, 'What the buyers were answered'),
  times: table(TIMES_HEADER, 'Times'),
  use: table(USE_HEADER, 'What it took'),
});

const measureSale = async (
  { assemblyDirectory, figures, progress }: SectionWork,
  { wrong, answered, times, use }: ReturnType<typeof saleTables>,
  ...[name, sale, through]: (typeof SALES)[number]
): Promise<void> => {
  const service = await startWarmService({ assemblyDirectory }, 50);
  try {
    const result = await progress(name, sale.seconds + AFTERWARDS_SECONDS, () => holdSale(service, sale, through));
    const found = saleFigures(sale, result);
    figures[name] = found;
    wrong.push(wrongRow(name, found));
    answered.push(answeredRow(name, found));
    times.push(...timesRows(name, found));
    use.push(useRow(name, found));
  } finally {
    await service.stop();
  }
};

/** What each move uses, in requests and units. */
const measureUse = async ({ assemblyDirectory, figures, progress, table }: SectionWork): Promise<void> => {
  const service = await startService({ assemblyDirectory, metered: true });
  try {
    const units = await progress('units of each move', 60, () => measureUnits(service, SLOT_COUNTS, BOOKINGS_METERED));
    figures.units = units;
    const header = ['move', 'slots', 'transactions', 'other requests', 'write units', 'read units'];
    const rows = table(header, 'Per booking');
    for (const { move, slots, transactions, otherRequests, writeUnits, readUnits } of units) {
      rows.push([move, slots, transactions, otherRequests, writeUnits, readUnits]);
    }
  } finally {
    await service.stop();
  }
};
