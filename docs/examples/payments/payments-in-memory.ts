/** The shop's rows in memory, for trying things. They outlive a checkout that is thrown away, as a database does. */
import type { Payment } from './payment.ts';
import type { Payments } from './ports.ts';

export class PaymentsInMemory implements Payments {
  readonly #rows = new Map<string, Payment>();

  async get(bookingId: string): Promise<Payment | undefined> {
    return this.#rows.get(bookingId);
  }

  async insert(payment: Payment): Promise<boolean> {
    if (this.#rows.has(payment.bookingId)) return false;
    this.#rows.set(payment.bookingId, payment);
    return true;
  }

  async update(payment: Payment): Promise<boolean> {
    if (this.#rows.get(payment.bookingId)?.version !== payment.version - 1) return false;
    this.#rows.set(payment.bookingId, payment);
    return true;
  }

  async unfinished(): Promise<string[]> {
    return [...this.#rows.values()].filter(isUnfinished).map(({ bookingId }) => bookingId);
  }

  /** All rows, for looking on. */
  get rows(): Payment[] {
    return [...this.#rows.values()];
  }
}

const isUnfinished = ({ stage, isGivenUp }: Payment): boolean =>
  stage === 'kept' ? isGivenUp : stage !== 'closed' && stage !== 'refunded';
