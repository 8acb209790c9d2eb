/** What the service uses for a booking, and what that costs. */
import { DAY_MS, MINUTE_MS } from '../../functions/core/hold-time.ts';
import { type Bill, billOf, type Measured } from '../bill.ts';
import { measureFar } from '../far-lag.ts';
import { loadOf, measureFresh } from '../fresh-load.ts';
import type { SectionWork } from '../section.ts';

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
const NEAR_HOLD_MS = 15 * MINUTE_MS;
const METERED = { metered: true };

export const costSection = async (work: SectionWork): Promise<void> => {
  const { options, figures, assemblyDirectory } = work;
  const requestRows = work.table(REQUESTS_HEADER, 'Per booking');
  const rows = work.table(BILL_HEADER, 'USD per million bookings, us-east-1, at 50 deadlines a second');
  for (const percent of options.paidPercents) {
    const share = percent / 100;
    const load = loadOf(50, options.seconds, 'spread', share);
    const near = await measureFresh(work, `metered, ${percent} % paid, 50/s`, load, METERED);
    const far = await work.progress(`metered, ${percent} % paid, held for 24 hours`, 60, () =>
      measureFar(
        { assemblyDirectory, ...METERED },
        { holdMs: DAY_MS, perSecond: 50, seconds: 15, paidShare: share },
        false,
      ),
    );
    for (const [hold, result, holdMs] of [
      ['15 minutes', near, NEAR_HOLD_MS],
      ['24 hours', far, DAY_MS],
      ['30 days', far, 30 * DAY_MS],
    ] as const) {
      if (result.measured === undefined) continue;
      const bill = billOf(result.measured, holdMs, result.indexUnitsByApplication ?? 0);
      const name = `${hold}, ${percent} % paid`;
      figures[name] = { ...bill, measured: result.measured };
      rows.push(billRow(hold, `${percent} %`, bill));
      if (hold !== '30 days') requestRows.push(...requestRowsOf(name, result.measured));
    }
    if (far.idleSweep) figures.idleSweep = far.idleSweep;
  }
  for (const shape of ['coincide', 'scattered'] as const) {
    const result = await measureFresh(work, `metered, ${shape}, 50/s`, loadOf(50, options.seconds, shape), METERED);
    if (result.measured === undefined) continue;
    const bill = billOf(result.measured, NEAR_HOLD_MS, result.indexUnitsByApplication ?? 0);
    const name = `15 minutes, ${shape}`;
    figures[name] = { ...bill, measured: result.measured };
    rows.push(billRow(name, '0 %', bill));
  }
};

const billRow = (hold: string, paid: string, { items, usdPerMillion, withEvents }: Bill): (string | number)[] => [
  hold,
  paid,
  ...items.map((item) => item.usdPerMillion),
  usdPerMillion,
  withEvents,
];

/** Reading a table's stream from Lambda is free. */
const FREE = ['GetRecords', 'DescribeStream', 'GetShardIterator'];

const requestRowsOf = (name: string, { bookings, sqs, dynamodb, lambdas }: Measured): (string | number)[][] => {
  const rows: (string | number)[][] = [];
  for (const [service, operations] of Object.entries({ SQS: sqs, DynamoDB: dynamodb })) {
    for (const [operation, { requests, writeUnits, readUnits }] of Object.entries(operations)) {
      if (FREE.includes(operation)) continue;
      const perBooking = [requests, writeUnits, readUnits].map((used) => used / bookings);
      rows.push([name, `${service} ${operation}`, ...perBooking, '']);
    }
  }
  for (const [logicalId, { invocations, billedMs }] of Object.entries(lambdas)) {
    rows.push([name, `Lambda ${logicalId}`, invocations / bookings, '', '', billedMs / bookings]);
  }
  return rows;
};
