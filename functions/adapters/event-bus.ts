/** The only file that calls EventBridge. */
import { type EventBridgeClient, PutEventsCommand, type PutEventsRequestEntry } from '@aws-sdk/client-eventbridge';
import { type BookingEvent, EVENT_SOURCE, withoutDetails } from '../core/booking-events.ts';
import { isPermanent, ServiceEntryError } from './permanent-error.ts';

/** Most entries of one PutEvents, and its largest size in bytes (Amazon EventBridge User Guide, PutEvents). */
const MAX_ENTRIES = 10;
const MAX_BYTES = 256 * 1024;
/** What an entry weighs beside its detail: time, source and detail type, generously. */
const ENTRY_OVERHEAD_BYTES = 256;
/** Entries fail one by one while their request succeeds, and the SDK does not retry those. */
const TRIES = 3;

/** An event that could not be published, and why. */
export interface UnpublishedEvent {
  readonly event: BookingEvent;
  readonly error: Error;
}

/** An event as it is sent, and what it weighs. */
interface Sendable {
  readonly event: BookingEvent;
  readonly entry: PutEventsRequestEntry;
  readonly bytes: number;
}

export class EventBus {
  readonly #client: EventBridgeClient;
  readonly #busName: string;

  constructor(client: EventBridgeClient, busName: string) {
    this.#client = client;
    this.#busName = busName;
  }

  /**
   * Publishes events, ten in one request. Never throws: what is not published is returned, to be reported. An event whose
   * details make it larger than the bus takes is published without them, and says so.
   */
  async publish(events: readonly BookingEvent[]): Promise<UnpublishedEvent[]> {
    const refused: UnpublishedEvent[] = [];
    let unsent = events.map((event) => this.#sendable(event));
    let last: UnpublishedEvent[] = [];
    for (let tries = 0; tries < TRIES && unsent.length > 0; tries += 1) {
      last = [];
      for (const request of requestsOf(unsent)) {
        for (const failure of await this.#put(request)) (isPermanent(failure.error) ? refused : last).push(failure);
      }
      const failed = new Set(last.map(({ event }) => event));
      unsent = unsent.filter(({ event }) => failed.has(event));
    }
    return [...refused, ...last];
  }

  #sendable(event: BookingEvent): Sendable {
    const whole = this.#entryOf(event, event);
    return whole.bytes <= MAX_BYTES ? whole : this.#entryOf(event, withoutDetails(event));
  }

  #entryOf(event: BookingEvent, { detailType, detail, timeMs }: BookingEvent): Sendable {
    const Detail = passableJson(detail);
    const entry: PutEventsRequestEntry = {
      EventBusName: this.#busName,
      Source: EVENT_SOURCE,
      DetailType: detailType,
      Time: new Date(timeMs),
      Detail,
    };
    return { event, entry, bytes: new TextEncoder().encode(Detail).length + ENTRY_OVERHEAD_BYTES };
  }

  /** A request that is refused as a whole, for the sake of one entry, is made again entry by entry. */
  async #put(request: readonly Sendable[]): Promise<UnpublishedEvent[]> {
    try {
      const { Entries = [] } = await this.#client.send(
        new PutEventsCommand({ Entries: request.map(({ entry }) => entry) }),
      );
      return request.flatMap(({ event }, index) => {
        const answer = Entries[index];
        if (answer?.EventId) return [];
        const error = answer?.ErrorCode
          ? new ServiceEntryError(answer.ErrorCode, answer.ErrorMessage)
          : new Error('EventBridge did not answer for it');
        return [{ event, error }];
      });
    } catch (error) {
      if (isPermanent(error) && request.length > 1) {
        return (await Promise.all(request.map((each) => this.#put([each])))).flat();
      }
      const reason = error instanceof Error ? error : new Error(String(error));
      return request.map(({ event }) => ({ event, error: reason }));
    }
  }
}

/** As few requests as the limits allow, in the order of the events. */
const requestsOf = (events: readonly Sendable[]): Sendable[][] => {
  const requests: Sendable[][] = [];
  let bytes = 0;
  for (const event of events) {
    const current = requests.at(-1);
    if (current && current.length < MAX_ENTRIES && bytes + event.bytes <= MAX_BYTES) {
      current.push(event);
      bytes += event.bytes;
    } else {
      requests.push([event]);
      bytes = event.bytes;
    }
  }
  return requests;
};

/** U+FFFE and U+FFFF escaped: a rule may send the event on to SQS, which refuses them in a body. */
const passableJson = (value: unknown): string =>
  JSON.stringify(value).replace(/[\ufffe\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16)}`);
