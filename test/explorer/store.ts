/** What the processes of a small world share: two tables, the timers' queue, a dead-letter queue. It can be copied at any moment. */
import type { SQSRecord } from 'aws-lambda';
import { SECOND_MS } from '../../functions/core/hold-time.ts';
import { answerToRefused, answerToRefusedCreation } from '../../functions/table/answers.ts';
import type { Item } from '../../functions/table/item.ts';
import { createdIn, foundIn, scannedIn, writtenIn } from '../memory/memory-table.ts';
import { BOOKINGS_SCHEMA, SWEEP_STATE_SCHEMA } from '../memory/schemas.ts';
import { type StreamRecord, TableState } from '../memory/table-state.ts';
import type { NotTaken } from './asked-queues.ts';
import type { EachAnswer } from './asked-table.ts';
import type { Answer, Request, TableName } from './requests.ts';

/** A timer in the queue. */
export interface Message {
  readonly body: string;
  readonly bookingId: string;
  /** From when on it is delivered. */
  readonly visibleAtMs: number;
  readonly receives: number;
}

/** How a request is carried out. */
export interface Circumstances {
  readonly nowMs: number;
  /** Whether an earlier try of it may have been carried out although nobody heard of it. */
  readonly wasTried: boolean;
  /** Of many writes or messages, the one that is not taken for now. */
  readonly throttled?: number | undefined;
}

/** Pages of one item, because on AWS a page may end anywhere. */
const PAGE_ITEMS = 1;

export class Store {
  #bookings: TableState;
  #sweepState: TableState;
  messages: readonly Message[] = [];
  /** Descriptions of records that schedule-expiry gave up, and whatever else lies beside them. */
  deadLetters = 0;
  readonly #isUnsendable: (bookingId: string) => boolean;

  /** @param isUnsendable whether the queue never takes the timers of a booking */
  constructor(isUnsendable: (bookingId: string) => boolean) {
    this.#bookings = new TableState(BOOKINGS_SCHEMA, { pageItems: PAGE_ITEMS });
    this.#sweepState = new TableState(SWEEP_STATE_SCHEMA, { hasStream: false });
    this.#isUnsendable = isUnsendable;
  }

  copy(): Store {
    const copy = new Store(this.#isUnsendable);
    copy.#bookings = this.#bookings;
    copy.#sweepState = this.#sweepState;
    copy.messages = this.messages;
    copy.deadLetters = this.deadLetters;
    return copy;
  }

  /** The bookings, to look at. */
  get bookings(): TableState {
    return this.#bookings;
  }

  /** Whether the index and eventually consistent reads lag behind. */
  get lags(): boolean {
    return this.#bookings.indexFollower.lags;
  }

  /** Changes the bookings as a program of a stranger may. @returns the changes */
  changeBookings(change: (bookings: TableState) => void): readonly StreamRecord[] {
    this.#bookings = this.#bookings.copy();
    change(this.#bookings);
    return this.#bookings.takeRecords();
  }

  /** Lets the index and eventually consistent reads lag, or catch up. */
  lag(lags: boolean): void {
    this.changeBookings(({ indexFollower, readFollower }) => {
      for (const follower of [indexFollower, readFollower]) {
        if (lags) follower.lag();
        else follower.catchUp();
      }
    });
  }

  /** @returns the answer, and the changes of bookings */
  carryOut(request: Request, circumstances: Circumstances): [Answer, readonly StreamRecord[]] {
    let value: unknown;
    try {
      value = this.#valueOf(request, circumstances);
    } catch (error) {
      return [{ error: error instanceof Error ? error : new Error(String(error)) }, []];
    }
    return [{ value }, this.#bookings.takeRecords()];
  }

  #valueOf(request: Request, { nowMs, wasTried, throttled }: Circumstances): unknown {
    switch (request.do) {
      case 'create': {
        const answer = createdIn(this.#toWrite(request.on), request.item, request.keyAttribute);
        return answer.kind === 'refused' ? answerToRefusedCreation(answer.found, request.item, wasTried) : answer;
      }
      case 'write': {
        const { on, key, write, mayHaveBeenMade = false } = request;
        const answer = this.#toWrite(on).update(key, write, { mayCreate: true });
        return answer.kind === 'refused' ? answerToRefused(answer.found, write, wasTried || mayHaveBeenMade) : answer;
      }
      case 'write many': {
        const table = this.#toWrite(request.on);
        return request.writes.map((each, index): EachAnswer => {
          if (index === throttled) return 'throttled';
          const answer = writtenIn(table, each);
          return answer.kind === 'refused' ? answerToRefused(answer.found, each.write, wasTried) : answer;
        });
      }
      case 'get':
        return this.#table(request.on).get(request.key);
      case 'get many':
        return foundIn(this.#table(request.on), request.keys, request);
      case 'query':
        return this.#table(request.on).query(request.query);
      case 'scan':
        return scannedIn(this.#table(request.on), request.condition, request.attributes, request.cursor);
      case 'send':
        return this.#send(request, nowMs, throttled);
      case 'count given up':
        return this.deadLetters;
      case 'ask the date':
        return nowMs;
      case 'wait':
      case 'retry in':
        return undefined;
    }
  }

  #table(on: TableName): TableState {
    return on === 'bookings' ? this.#bookings : this.#sweepState;
  }

  #toWrite(on: TableName): TableState {
    if (on === 'bookings') this.#bookings = this.#bookings.copy();
    else this.#sweepState = this.#sweepState.copy();
    return this.#table(on);
  }

  #send({ to, entries }: Extract<Request, { do: 'send' }>, nowMs: number, throttled: number | undefined): NotTaken {
    const notTaken: Record<string, string> = {};
    for (const [index, { id, body, delaySeconds }] of entries.entries()) {
      if (to === 'dead letters') {
        this.deadLetters += 1;
        continue;
      }
      const { bookingId } = JSON.parse(body);
      if (this.#isUnsendable(bookingId)) notTaken[id] = 'InvalidMessageContents';
      else if (index === throttled) notTaken[id] = 'InternalError';
      else {
        const message = { body, bookingId, visibleAtMs: nowMs + delaySeconds * SECOND_MS, receives: 0 };
        this.messages = [...this.messages, message];
      }
    }
    return notTaken;
  }

  /** What is in it, as text: the same for two stores that nobody can tell apart. */
  key(): string {
    const messages = this.messages.map((message) => JSON.stringify(message)).sort();
    return [keyOfTable(this.#bookings), keyOfTable(this.#sweepState), this.deadLetters, ...messages].join('\n');
  }
}

const keys = new WeakMap<TableState, string>();
/** A table that is in a store is not changed any more, only replaced: so its text is made once. */
const keyOfTable = (table: TableState): string => {
  let key = keys.get(table);
  if (key === undefined) {
    const unseen = [table.indexFollower, table.readFollower].map(({ lags, unseen: changes }) => [lags, changes]);
    const items = [...table.items].map((item) => JSON.stringify(sorted(item))).sort();
    key = JSON.stringify([items, unseen]);
    keys.set(table, key);
  }
  return key;
};
const sorted = (item: Item) => Object.entries(item).sort(([one], [other]) => (one < other ? -1 : 1));

/** A message as expire-booking receives it. */
export const received = ({ body, receives }: Message, index: number): SQSRecord =>
  ({
    messageId: `message-${index}`,
    receiptHandle: `message-${index}`,
    body,
    attributes: { ApproximateReceiveCount: String(receives + 1) },
  }) as SQSRecord;
