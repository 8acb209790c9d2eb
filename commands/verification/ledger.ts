/** Counts what the command itself asks of AWS, and says what that costs at most. */

import { MAX_SHARDS } from '../../functions/core/pending-shard.ts';
import { PRICES } from '../../measure/prices.ts';
import { costAtMost } from '../booking-cost.ts';

/** The dearest that one request to each service can be here, USD at us-east-1's list prices. */
const USD_AT_MOST = {
  // An item of the command is small: a deletion with its entry in the index.
  DynamoDB: 2 * PRICES.writeUnit,
  // A transaction over a booking and one slot, and the update that is refused before it.
  'slot move': 7 * PRICES.writeUnit,
  SQS: PRICES.sqsRequest,
  SNS: PRICES.snsRequest,
  EventBridge: PRICES.event,
  // A request for data asks for four metrics at most.
  CloudWatch: 4 * PRICES.cloudWatchRequest,
  'Secrets Manager': PRICES.secretRequest,
  CloudFormation: 0,
  // With a second of its Lambda, of half a gigabyte.
  'HTTP API': PRICES.apiRequest + PRICES.lambdaRequest + 0.5 * PRICES.lambdaGbSecond,
  // By webhook, of little: a look into each shard, and its notes.
  sweep: (MAX_SHARDS / 2) * PRICES.readUnit + 4 * PRICES.writeUnit,
} as const;
export type Billed = keyof typeof USD_AT_MOST;

type Send = (step: unknown) => unknown;

/** As much of an SDK client's middleware stack as is used; the clients' own types differ by service. */
interface Stack {
  add(
    middleware: (next: Send) => Send,
    options: { readonly step: 'finalizeRequest'; readonly name: string; readonly priority: 'low' },
  ): void;
}

export class Ledger {
  readonly #counts = new Map<Billed, number>();

  count(billed: Billed): void {
    this.#counts.set(billed, (this.#counts.get(billed) ?? 0) + 1);
  }

  /** Counts each try of a client's requests from now on. */
  watch<Client extends { readonly middlewareStack: object }>(billed: Billed, client: Client): Client {
    const counting =
      (next: Send): Send =>
      (step) => {
        this.count(billed);
        return next(step);
      };
    // Low: within the retries, so that each try is counted.
    const options = { step: 'finalizeRequest', name: 'ledger', priority: 'low' } as const;
    (client.middlewareStack as Stack).add(counting, options);
    return client;
  }

  requests(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }

  /**
   * @param bookings how many bookings were written and left to lapse
   * @returns USD, with what the service does for these bookings
   */
  usdAtMost(bookings: number, timerLeadMs: number): number {
    const own = [...this.#counts].reduce((sum, [billed, count]) => sum + count * USD_AT_MOST[billed], 0);
    return own + costAtMost(bookings, timerLeadMs);
  }
}
