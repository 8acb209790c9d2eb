/** The only file that calls EventBridge. */
import { type EventBridgeClient, PutEventsCommand, type PutEventsRequestEntry } from '@aws-sdk/client-eventbridge';
import { type BookingEvent, EVENT_SOURCE } from '../core/booking-events.ts';

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

export class EventBus {
  readonly #client: EventBridgeClient;
  readonly #busName: string;

  constructor(client: EventBridgeClient, busName: string) {
    this.#client = client;
    this.#busName = busName;
  }

  /** Publishes events, ten in one request. Never throws: what is not published is returned, to be reported. */
  async publish(events: readonly BookingEvent[]): Promise<UnpublishedEvent[]> {
    let unpublished = events.map((event): UnpublishedEvent => ({ event, error: new Error('not tried') }));
    for (let tries = 0; tries < TRIES && unpublished.length > 0; tries += 1) {
      const failed: UnpublishedEvent[] = [];
      for (const request of this.#requests(unpublished.map(({ event }) => event)))
        failed.push(...(await this.#put(request)));
      unpublished = failed;
    }
    return unpublished;
  }

  #requests(events: readonly BookingEvent[]): [BookingEvent, PutEventsRequestEntry][][] {
    const requests: [BookingEvent, PutEventsRequestEntry][][] = [];
    let bytes = MAX_BYTES;
    for (const event of events) {
      const Detail = JSON.stringify(event.detail);
      const entry: PutEventsRequestEntry = {
        EventBusName: this.#busName,
        Source: EVENT_SOURCE,
        DetailType: event.detailType,
        Time: new Date(event.timeMs),
        Detail,
      };
      const size = new TextEncoder().encode(Detail).length + ENTRY_OVERHEAD_BYTES;
      const current = requests.at(-1);
      if (current && current.length < MAX_ENTRIES && bytes + size <= MAX_BYTES) {
        current.push([event, entry]);
        bytes += size;
      } else {
        requests.push([[event, entry]]);
        bytes = size;
      }
    }
    return requests;
  }

  async #put(request: readonly [BookingEvent, PutEventsRequestEntry][]): Promise<UnpublishedEvent[]> {
    try {
      const { Entries = [] } = await this.#client.send(
        new PutEventsCommand({ Entries: request.map(([, entry]) => entry) }),
      );
      return request.flatMap(([event], index) => {
        const answer = Entries[index];
        if (answer?.EventId) return [];
        const reason = answer?.ErrorCode
          ? `${answer.ErrorCode}: ${answer.ErrorMessage ?? ''}`
          : 'EventBridge did not answer for it';
        return [{ event, error: new Error(reason) }];
      });
    } catch (error) {
      const reason = error instanceof Error ? error : new Error(String(error));
      return request.map(([event]) => ({ event, error: reason }));
    }
  }
}
