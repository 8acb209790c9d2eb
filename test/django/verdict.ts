/** Whether rows, customers and the service agree in the end. */

/** A row of the shop, as `manage.py dumpdata` gives it. */
export interface Row {
  readonly id: string;
  readonly status: string;
  readonly expiresAtMs: number;
  readonly expiredAtMs?: number;
  readonly confirmedAtMs?: number;
}

/** What a customer was told, and what the service says of the booking. */
export interface Known {
  /** The status of the answer to the payment; undefined where nobody paid. */
  readonly paid?: number;
  /** Whether the payment was sent after the deadline. */
  readonly sentLate?: boolean;
  /** What the service says; undefined where it never heard of the booking. */
  readonly inService?: string | undefined;
  /** Whether the shop could not tell the service of the row, or of what became of it, in time. */
  readonly untold: boolean;
}

/** Everything that must not be, a sentence each. */
export const disagreements = (row: Row, { paid, sentLate, inService, untold }: Known): string[] => {
  const wrong: string[] = [];
  const must = (holds: boolean, otherwise: string): void => {
    if (!holds) wrong.push(`${row.id}: ${otherwise}`);
  };
  must(row.status !== 'PENDING', 'is still PENDING');
  if (row.status === 'EXPIRED') {
    must((row.expiredAtMs ?? 0) >= row.expiresAtMs, `expired ${row.expiresAtMs - (row.expiredAtMs ?? 0)} ms early`);
    must(paid !== 200, 'was paid, and expired');
  }
  if (paid === 200) {
    must(row.status === 'CONFIRMED', `the customer was told that it is paid, and it is ${row.status}`);
    must((row.confirmedAtMs ?? Number.POSITIVE_INFINITY) < row.expiresAtMs, 'was paid after its deadline');
  }
  if (sentLate) must(paid === 409, `a payment after the deadline was answered with ${paid}`);
  // The service may have expired what it was not told in time; the row decides. It never has the last word on a lapse.
  const same = inService === row.status;
  const excused = untold && (inService === undefined || inService === 'EXPIRED');
  must(same || excused, `is ${row.status} in the rows and ${inService ?? 'unknown'} at the service`);
  return wrong;
};
