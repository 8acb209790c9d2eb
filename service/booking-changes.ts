/** What happens to bookings, whoever writes them, as the table's stream tells it. */
import { DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { type BookingJson, bookingJson } from '../functions/api/booking-json.ts';
import type { Booking } from '../functions/core/booking-status.ts';
import { iso } from '../functions/runtime/clock.ts';
import { type Item, readBooking } from '../functions/table/item.ts';
import { BOOKINGS_SHAPE } from '../functions/table/shape.ts';
import { LOCAL_CREDENTIALS, REGION } from '../local/account.ts';
import { AwsClient } from '../local/aws-client.ts';
import { StreamEventSource } from '../local/stream-event-source.ts';

/** One change of one booking. */
export interface BookingChange {
  readonly kind: 'created' | 'extended' | 'confirmed' | 'cancelled' | 'expired' | 'revived' | 'deleted' | 'changed';
  /** When it was made, ISO 8601. */
  readonly at: string;
  /** The booking after the change, without its details; of a deleted one, before it. */
  readonly booking: BookingJson;
  /** The status that is stored: of a lapsed booking that nothing has marked it is PENDING still. */
  readonly stored: string;
}

/** The part of a stream record that is read, as JSON holds it. */
export interface ChangeRecord {
  readonly dynamodb?: {
    readonly ApproximateCreationDateTime?: number;
    readonly OldImage?: Item;
    readonly NewImage?: Item;
  };
}

/** The change that a record tells of; undefined for what concerns only how the service keeps a booking. */
export const changeOf = ({ dynamodb }: ChangeRecord, nowMs: number): BookingChange | undefined => {
  const before = readBooking(BOOKINGS_SHAPE, dynamodb?.OldImage);
  const after = readBooking(BOOKINGS_SHAPE, dynamodb?.NewImage);
  const booking = after ?? before;
  const kind = kindOf(before, after);
  if (booking === undefined || kind === undefined) return undefined;
  // They may be large, and nobody is shown them.
  const { details: _, ...withoutDetails } = booking;
  const recordedAtMs = (dynamodb?.ApproximateCreationDateTime ?? nowMs / 1_000) * 1_000;
  const stated = {
    created: booking.createdAtMs,
    extended: booking.holdStartedAtMs,
    confirmed: booking.confirmedAtMs,
    revived: booking.confirmedAtMs,
    cancelled: booking.cancelledAtMs,
    expired: booking.expiredAtMs,
    deleted: undefined,
    changed: undefined,
  };
  return {
    kind,
    at: iso(stated[kind] ?? recordedAtMs),
    booking: bookingJson(withoutDetails, nowMs),
    stored: booking.status,
  };
};

const MOVES = { CONFIRMED: 'confirmed', CANCELLED: 'cancelled', EXPIRED: 'expired' } as const;

const kindOf = (before: Booking | undefined, after: Booking | undefined): BookingChange['kind'] | undefined => {
  if (after === undefined) return 'deleted';
  if (before === undefined) return 'created';
  if (before.status === after.status)
    return after.status === 'PENDING' && before.expiresAtMs !== after.expiresAtMs ? 'extended' : undefined;
  if (after.status === 'CONFIRMED' && before.status === 'EXPIRED') return 'revived';
  return Object.hasOwn(MOVES, after.status) ? MOVES[after.status as keyof typeof MOVES] : 'changed';
};

/** Pause between two reads: a person sees no delay, and a reader costs next to nothing, ms. */
const POLL_INTERVAL_MS = 100;
/** Most records of one read, the most that DynamoDB gives. */
const BATCH_SIZE = 1_000;

export interface BookingChangesOptions {
  readonly endpoint: string;
  readonly tableName: string;
  readonly onChange: (change: BookingChange) => void;
  readonly onProblem: (problem: string) => void;
}

/** Reads the stream while somebody wants to know. What was written in between is read first. */
export class BookingChanges {
  readonly #options: BookingChangesOptions;
  readonly #table: DynamoDBClient;
  readonly #streams: AwsClient;
  readonly #checkpoints = new Map<string, string>();
  #source: StreamEventSource | undefined;
  /** Starts and stops, one after the other. */
  #turn: Promise<void> = Promise.resolve();

  constructor(options: BookingChangesOptions) {
    this.#options = options;
    const settings = { region: REGION, credentials: LOCAL_CREDENTIALS, endpoint: options.endpoint };
    this.#table = new DynamoDBClient(settings);
    this.#streams = new AwsClient({ endpoint: options.endpoint, service: 'dynamodb' });
  }

  /** Reads from now on, or no more. Resolves when that is so. */
  read(isWanted: boolean): Promise<void> {
    this.#turn = this.#turn.then(() => (isWanted ? this.#start() : this.#pause()));
    return this.#turn.catch((error) => this.#options.onProblem(`the page hears of no change: ${error}`));
  }

  async stop(): Promise<void> {
    await this.read(false);
    this.#table.destroy();
    this.#streams.destroy();
  }

  async #start(): Promise<void> {
    if (this.#source !== undefined) return;
    const { tableName, onChange, onProblem } = this.#options;
    const { Table } = await this.#table.send(new DescribeTableCommand({ TableName: tableName }));
    const reader = {
      settings: { logicalId: 'the page', functionName: 'page' },
      invoke: async (event: unknown) => {
        for (const record of (event as { readonly Records: readonly ChangeRecord[] }).Records) {
          const change = changeOf(record, Date.now());
          if (change) onChange(change);
        }
      },
    };
    this.#source = new StreamEventSource(this.#streams, reader, {
      streamArn: Table?.LatestStreamArn ?? '',
      region: REGION,
      batchSize: BATCH_SIZE,
      startingPosition: 'TRIM_HORIZON',
      filterPatterns: [],
      checkpoints: this.#checkpoints,
      pollIntervalMs: POLL_INTERVAL_MS,
      reportBatchItemFailures: false,
      bisectBatchOnError: true,
      maxRetryAttempts: 0,
      maxRecordAgeSeconds: -1,
      onDiscarded: undefined,
      onProblem,
    });
    this.#source.start();
  }

  async #pause(): Promise<void> {
    const source = this.#source;
    this.#source = undefined;
    await source?.stop();
  }
}
