/** What a sale came to, as figures and as the rows of its tables. */
import { percentilesOf } from '../../measure/lag-report.ts';
import type { Sale } from './crowd.ts';
import type { SaleResult } from './sale.ts';

type Row = (string | number)[];
interface Distribution {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const distributionOf = (values: readonly number[]): Distribution & { readonly count: number } => {
  const { p50, p99, max } = percentilesOf(values);
  return { count: values.length, p50, p99, max };
};

/** @returns figures only: no list of what each buyer met */
export const saleFigures = (sale: Omit<Sale, 'prefix'>, result: SaleResult) => {
  const { crowd, audit, handovers, heldTwice, soldTwice, transactions, cpuMs, serviceCpuMs, engineCpuMs } = result;
  const { holds, soldOut, busy, gaveUp, waited, heldAfterMs, refusedAfterMs } = crowd;
  const { markLagsMs, ...audited } = audit;
  const endedAs = (end: string) => holds.filter((hold) => hold.end === end).length;
  const asked = handovers.map(({ askedAfterMs }) => Math.max(0, askedAfterMs));
  const given = handovers.map(({ givenAfterMs }) => givenAfterMs);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return {
    sale,
    answered: {
      confirmed: endedAs('confirmed'),
      unpaid: endedAs('unpaid'),
      paidTooLate: endedAs('too-late'),
      soldOut,
      gaveUp: gaveUp + endedAs('gave-up'),
      all: holds.length + soldOut + gaveUp,
    },
    waited,
    /** Answers 503. */
    busy,
    // A slot is sold twice if two bookings are confirmed with it, or if it is given to anybody after it was paid for.
    soldTwice: audit.soldTwice + audit.oversold + soldTwice,
    heldTwice,
    audit: audited,
    toTheNext: {
      asked: distributionOf(asked),
      given: distributionOf(given),
      buyersOwnShare: sum(asked) / sum(given),
    },
    marks: { ...distributionOf(markLagsMs), early: audit.early, unmarked: audit.unmarked },
    answerMs: { held: distributionOf(heldAfterMs), refused: distributionOf(refusedAfterMs) },
    transactions,
    transactionsPerBuyer: transactions && (transactions.made + transactions.refused + transactions.busy) / sale.buyers,
    cpuMsPerBuyer: {
      buyers: cpuMs / sale.buyers,
      service: serviceCpuMs / sale.buyers,
      engine: engineCpuMs === undefined ? undefined : engineCpuMs / sale.buyers,
    },
    problems: result.problems.length,
  };
};

export type SaleFigures = ReturnType<typeof saleFigures>;

export const WRONG_HEADER = [
  'sale',
  'sold twice',
  'held twice',
  'leaked',
  'paid and has nothing',
  'marked early',
  'unmarked',
];
export const wrongRow = (name: string, { soldTwice, heldTwice, audit }: SaleFigures): Row => {
  const { leaked, wronged, early, unmarked } = audit;
  return [name, soldTwice, heldTwice, leaked, wronged, early, unmarked];
};

export const ANSWERED_HEADER = [
  'sale',
  'buyers',
  'bought',
  'did not pay',
  'paid too late',
  'sold out',
  '503',
  'waited',
];
export const answeredRow = (name: string, { sale, answered, waited, busy }: SaleFigures): Row => {
  const { confirmed, unpaid, paidTooLate, soldOut, gaveUp } = answered;
  return [name, sale.buyers, confirmed, unpaid, paidTooLate, soldOut, gaveUp, waited, busy];
};

export const TIMES_HEADER = ['sale', 'ms', 'count', 'p50', 'p99', 'max'];
export const timesRows = (name: string, { toTheNext, marks, answerMs }: SaleFigures): Row[] => {
  const row = (what: string, { count, p50, p99, max }: Distribution & { count: number }): Row => [
    name,
    what,
    count,
    p50,
    p99,
    max,
  ];
  return [
    row('from lapse to the next buyer', toTheNext.given),
    row('of that, until the buyer asked', toTheNext.asked),
    row('from lapse to its mark', marks),
    row('answer that gives a slot', answerMs.held),
    row('answer that refuses one', answerMs.refused),
  ];
};

export const USE_HEADER = [
  'sale',
  'transactions made',
  'refused',
  'busy',
  'tries a buyer',
  'CPU ms a buyer: buyers',
  'service',
  'DynamoDB',
];
export const useRow = (name: string, { transactions, transactionsPerBuyer, cpuMsPerBuyer }: SaleFigures): Row => {
  const { made = '-', refused = '-', busy = '-' } = transactions ?? {};
  const { buyers, service, engine = '-' } = cpuMsPerBuyer;
  return [name, made, refused, busy, transactionsPerBuyer ?? '-', buyers, service, engine];
};
