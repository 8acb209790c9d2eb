/**
 * The service as it runs in a history: its real handlers, sweep and store over the real embedded DynamoDB and the table's
 * real stream. Only what must be controlled is not real: the clock, the queue, who delivers what when, and what fails.
 */

import { randomUUID } from 'node:crypto';
import {
  type AttributeValue,
  DeleteItemCommand,
  DeleteTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  PutItemCommand,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import {
  DescribeStreamCommand,
  type DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
} from '@aws-sdk/client-dynamodb-streams';
import type { DynamoDBRecord } from 'aws-lambda';
import { differenceOf, expectRightClock } from '../../commands/engine-clock.ts';
import { EventBus } from '../../functions/adapters/event-bus.ts';
import { isPermanent } from '../../functions/adapters/permanent-error.ts';
import type { SweepRequested } from '../../functions/contract.ts';
import { type Booking, effectiveStatus } from '../../functions/core/booking-status.ts';
import { decodeTimer, type ExpiryTimer } from '../../functions/core/expiry-timer.ts';
import { LATEST_DEADLINE_MS } from '../../functions/core/hold-time.ts';
import { sweep as sweepCore } from '../../functions/core/sweep.ts';
import { createHandler as createExpire } from '../../functions/expire-booking.ts';
import { createHandler as createPublish } from '../../functions/publish-events.ts';
import { createHandler as createSchedule } from '../../functions/schedule-expiry.ts';
import { createHandler as createSweep } from '../../functions/sweep.ts';
import { type Item, readBooking } from '../../functions/table/item.ts';
import { BOOKINGS_SHAPE } from '../../functions/table/shape.ts';
import type { Assembly } from '../../local/assembly.ts';
import { LOCAL_CREDENTIALS, REGION } from '../../local/engines.ts';
import { References } from '../../local/references.ts';
import { createTables } from '../../local/tables.ts';
import { answerBatches, type BatchAnswers } from '../support/batch-answers.ts';
import { timerMessage } from '../support/records.ts';
import { UnreliableRequests } from '../support/unreliable-requests.ts';
import type { Answer } from './model.ts';
import { type Items, type Moment, viewOf } from './past.ts';
import { type Circumstances, type Process, STREAM_LETTERS, startProcess, TIMERS } from './process.ts';

export const START_MS = 1_800_000_000_000;

/** What an application keeps with a booking: names that a marshaller may take for something else. */
export const DETAILS = JSON.parse(
  '{"seat":"7A","constructor":{"name":"Set"},"toJSON":null,"list":[{"constructor":"Map","price":12.5}]}',
) as Record<string, unknown>;

interface Clients {
  readonly raw: DynamoDBClient;
  readonly streams: DynamoDBStreamsClient;
  readonly endpoint: string;
  /** The synthesized app, whose tables each history has anew. */
  readonly assembly: Assembly;
}

interface Message {
  readonly body: string;
  /** When it arrives, if SQS does what it says. */
  readonly dueAtMs: number;
  receives: number;
}

/** Who asks for a sweep. Only the schedule's and a deployment's look for what is in no index. */
export type SweptBy = 'schedule' | 'deployment' | 'webhook' | 'command';

/** What a sweep says of itself. */
export interface Swept {
  readonly expired: number;
  /** Whether it failed in part, or crashed. */
  readonly hasFailed: boolean;
  /** Whether the command found that its clock is wrong, and did nothing. */
  readonly isRefused: boolean;
}

/** A record that schedule-expiry has handled. */
export interface Handled {
  readonly bookingId: string;
  readonly expiresAtMs: number | undefined;
}

export class World {
  nowMs = START_MS;
  readonly timers: Message[] = [];
  readonly letters: { readonly queueUrl: string; readonly body: string }[] = [];
  /** Details of the events that the bus took, by their ids. */
  readonly published = new Map<string, Record<string, unknown>>();
  /** The tables at the end of each step. */
  readonly moments: Moment[] = [];
  readonly #clients: Clients;
  readonly #network = new UnreliableRequests();
  readonly #client: DynamoDBClient;
  readonly #references = new References();
  readonly #records: DynamoDBRecord[] = [];
  readonly #delivered = { timers: 0, events: 0 };
  #iterator: string | undefined;
  readonly #lambdasAheadMs: number;
  readonly #batchAnswers: BatchAnswers;

  /**
   * @param lambdasAheadMs how far the Lambdas' clocks are ahead without anybody knowing
   * @param batchAnswers what a failed condition of a batch tells
   */
  constructor(clients: Clients, lambdasAheadMs: number, batchAnswers: BatchAnswers) {
    this.#clients = clients;
    this.#lambdasAheadMs = lambdasAheadMs;
    this.#batchAnswers = batchAnswers;
    this.#client = new DynamoDBClient({
      region: REGION,
      credentials: LOCAL_CREDENTIALS,
      endpoint: clients.endpoint,
      ...this.#network.clientOptions,
    });
    // The table's tags name queues; none is needed here.
    for (const logicalId of Object.keys(clients.assembly.template.Resources)) {
      this.#references.set(logicalId, logicalId, { QueueName: logicalId });
    }
  }

  readonly #nameOf = (logicalId: string): string => String(this.#references.resolve({ Ref: logicalId }));
  readonly #table = (): string => this.#nameOf('BookingsTable');
  readonly #stateTable = (): string => this.#nameOf('SweepStateTable');

  #lambdaClock({ offMs = 0 }: Circumstances): () => number {
    return () => this.nowMs + this.#lambdasAheadMs + offMs;
  }

  async begin(): Promise<void> {
    const { raw, assembly } = this.#clients;
    // Names of its own: a table that is made again under its name goes on with the engine's old stream.
    await createTables({ ...assembly, stackName: randomUUID() }, raw, this.#references);
    answerBatches(this.#client, this.#batchAnswers, this.#table(), raw);
    await this.#remember();
  }

  /** Before the oldest record of the table's stream. */
  async #toTheBeginning(): Promise<void> {
    const { raw, streams } = this.#clients;
    const { Table } = await raw.send(new DescribeTableCommand({ TableName: this.#table() }));
    const StreamArn = Table?.LatestStreamArn;
    const { StreamDescription } = await streams.send(new DescribeStreamCommand({ StreamArn }));
    const { ShardIterator } = await streams.send(
      new GetShardIteratorCommand({
        StreamArn,
        ShardId: StreamDescription?.Shards?.[0]?.ShardId,
        ShardIteratorType: 'TRIM_HORIZON',
      }),
    );
    this.#iterator = ShardIterator;
  }

  async end(): Promise<void> {
    await this.#deleteTables();
    this.#client.destroy();
  }

  async #deleteTables(): Promise<void> {
    for (const TableName of [this.#table(), this.#stateTable()]) {
      await this.#clients.raw.send(new DeleteTableCommand({ TableName }));
    }
  }

  /** The items as they are stored, by their ids. */
  get items(): Items {
    return this.moments.at(-1)?.items ?? new Map();
  }

  stored(id: string): Booking | undefined {
    return readBooking(BOOKINGS_SHAPE, this.items.get(id));
  }

  /** @param isSwept whether sweeps may have noted something */
  async #remember(isSwept = false): Promise<void> {
    const items = await this.#scan(this.#table());
    const state = isSwept ? await this.#scan(this.#stateTable()) : (this.moments.at(-1)?.state ?? []);
    const byId = new Map(items.map((item) => [item.bookingId?.S ?? '', item]));
    this.moments.push({ atMs: this.nowMs, items: byId, state });
  }

  async #scan(TableName: string): Promise<Item[]> {
    const items: Item[] = [];
    let ExclusiveStartKey: Record<string, AttributeValue> | undefined;
    do {
      const page = await this.#clients.raw.send(
        new ScanCommand({ TableName, ConsistentRead: true, ...(ExclusiveStartKey && { ExclusiveStartKey }) }),
      );
      items.push(...(page.Items ?? []));
      ExclusiveStartKey = page.LastEvaluatedKey;
    } while (ExclusiveStartKey !== undefined);
    return items;
  }

  /** What was there so long ago. */
  itemsOf(lagMs: number): Items {
    if (lagMs === 0) return this.items;
    return this.moments.findLast(({ atMs }) => atMs <= this.nowMs - lagMs)?.items ?? new Map();
  }

  #process(circumstances: Circumstances): Process {
    const { lagMs = 0 } = circumstances;
    return startProcess(
      {
        client: this.#client,
        network: this.#network,
        table: this.#table(),
        stateTable: this.#stateTable(),
        view: viewOf(this.itemsOf(lagMs), lagMs > 0),
        send: (queueUrl, body, delaySeconds) => {
          if (queueUrl === TIMERS) this.timers.push({ body, receives: 0, dueAtMs: this.nowMs + delaySeconds * 1_000 });
          else this.letters.push({ queueUrl, body });
        },
        messagesIn: (queueUrl) => this.letters.filter((letter) => letter.queueUrl === queueUrl).length,
        publish: (detail) => this.published.set(detail.eventId, detail),
      },
      circumstances,
    );
  }

  /** Requests that were held back or repeated, and that have not arrived yet. */
  get lateRequests(): number {
    return this.#network.lateRequests;
  }

  /** They arrive. */
  async landLateRequests(): Promise<void> {
    this.#network.befallBy(() => undefined);
    await this.#network.landLate();
    await this.#remember(true);
  }

  /** How many records have not been worked off by a reader, of one booking or of all. */
  async undelivered(to: 'timers' | 'events', id?: string): Promise<number> {
    await this.#readStream();
    return this.#records
      .slice(this.#delivered[to])
      .filter(({ dynamodb }) => id === undefined || dynamodb?.Keys?.bookingId?.S === id).length;
  }

  /** A move of an application. `unknown`: it never heard an answer. */
  async move(
    kind: 'create' | 'confirm' | 'cancel' | 'extend',
    id: string,
    holdMs: number,
    circumstances: Circumstances,
  ): Promise<{ readonly answer: Answer | 'unknown'; readonly told?: string }> {
    const { bookings } = this.#process(circumstances);
    const nowMs = this.nowMs + (circumstances.offMs ?? 0);
    try {
      if (kind === 'create') {
        const outcome = await bookings.create({ bookingId: id, holdMs, details: DETAILS }, nowMs);
        return { answer: outcome.kind === 'created' ? 'done' : 'unchanged' };
      }
      const outcome = kind === 'extend' ? await bookings.extend(id, holdMs, nowMs) : await bookings[kind](id, nowMs);
      if (outcome.kind === 'refused') return { answer: 'refused', told: outcome.found };
      return { answer: outcome.kind === 'moved' ? 'done' : outcome.kind };
    } catch {
      return { answer: 'unknown' };
    } finally {
      await this.#remember();
    }
  }

  /** Somebody reads a booking by its id. What it is told; `unheard` if that failed. */
  async read(id: string, circumstances: Circumstances): Promise<string | undefined | 'unheard'> {
    const { bookings } = this.#process(circumstances);
    const nowMs = this.nowMs + (circumstances.offMs ?? 0);
    try {
      const booking = await bookings.read(id, nowMs);
      return booking && effectiveStatus(booking, nowMs);
    } catch {
      return 'unheard';
    } finally {
      await this.#remember();
    }
  }

  /** Somebody lists what is PENDING. The ids; undefined if that failed. */
  async list(circumstances: Circumstances): Promise<string[] | undefined> {
    const { index } = this.#process(circumstances);
    const fromMs = this.nowMs + (circumstances.offMs ?? 0) + 1;
    try {
      const { bookings } = await index.listPending({ fromMs, throughMs: LATEST_DEADLINE_MS, limit: 100, after: {} });
      return bookings.map(({ bookingId }) => bookingId);
    } catch {
      return undefined;
    }
  }

  /**
   * A program that knows the table and nothing else writes an item, unless there is one.
   *
   * @returns whether it is there now; DynamoDB itself refuses what its index cannot take
   */
  async put(id: string, attributes: Item): Promise<boolean> {
    return this.#foreign(
      new PutItemCommand({
        TableName: this.#table(),
        Item: { ...attributes, bookingId: { S: id } },
        ConditionExpression: 'attribute_not_exists(bookingId)',
      }),
    );
  }

  /** It changes one attribute, by the README's rules: only while the booking is held. */
  async changeByTheRules(id: string, name: 'status' | 'expiresAtMs', value: AttributeValue): Promise<void> {
    await this.#foreign(
      new UpdateItemCommand({
        TableName: this.#table(),
        Key: { bookingId: { S: id } },
        UpdateExpression: 'SET #name = :value',
        ConditionExpression: '#status = :pending AND expiresAtMs > :nowMs',
        ExpressionAttributeNames: { '#status': 'status', '#name': name },
        ExpressionAttributeValues: {
          ':pending': { S: 'PENDING' },
          ':nowMs': { N: String(this.nowMs) },
          ':value': value,
        },
      }),
    );
  }

  /** It changes one attribute, whatever the booking is. */
  async changeAgainstTheRules(id: string, name: string, value: AttributeValue): Promise<boolean> {
    return this.#foreign(
      new UpdateItemCommand({
        TableName: this.#table(),
        Key: { bookingId: { S: id } },
        UpdateExpression: 'SET #name = :value',
        ConditionExpression: 'attribute_exists(bookingId)',
        ExpressionAttributeNames: { '#name': name },
        ExpressionAttributeValues: { ':value': value },
      }),
    );
  }

  async delete(id: string): Promise<void> {
    await this.#foreign(new DeleteItemCommand({ TableName: this.#table(), Key: { bookingId: { S: id } } }));
  }

  async #foreign(command: { input: object }): Promise<boolean> {
    try {
      await this.#clients.raw.send(command as never);
      return true;
    } catch (error) {
      const refused = ['ConditionalCheckFailedException', 'ValidationException', 'SerializationException'];
      if (error instanceof Error && refused.includes(error.name)) return false;
      throw error;
    } finally {
      await this.#remember();
    }
  }

  /**
   * Records of the stream reach one of its readers, in order, some of those of before first.
   *
   * @returns the records that schedule-expiry has handled now, and had not before
   */
  async stream(
    to: 'timers' | 'events',
    count: number,
    again: number,
    circumstances: Circumstances,
  ): Promise<Handled[]> {
    await this.#readStream();
    const from = Math.max(0, this.#delivered[to] - again);
    const through = Math.min(this.#records.length, this.#delivered[to] + count);
    const Records = this.#records.slice(from, through);
    if (Records.length === 0) return [];
    const process = this.#process(circumstances);
    const { store, queue, streamLetters: deadLetters, telemetry } = process;
    const { settings } = circumstances;
    const { shardCount } = settings;
    const failed = new Set<string>();
    try {
      // The template's filter: only what is PENDING after the write.
      const pending = Records.filter(({ dynamodb }) => dynamodb?.NewImage?.status?.S === 'PENDING');
      const clock = this.#lambdaClock(circumstances);
      const bus = new EventBus(process.eventBridge as never, 'bookings');
      const { batchItemFailures } =
        to === 'timers'
          ? await createSchedule({
              store,
              queue,
              deadLetters,
              telemetry,
              clock,
              shape: BOOKINGS_SHAPE,
              shardCount,
              settings,
            })({
              Records: pending,
            })
          : await createPublish({ bus, deadLetters, telemetry, shape: BOOKINGS_SHAPE })({ Records });
      for (const { itemIdentifier } of batchItemFailures) failed.add(itemIdentifier);
    } catch {
      return [];
    } finally {
      await this.#remember();
    }
    if (process.hasCrashed()) return [];
    // Lambda starts again at the first record that failed.
    const firstFailed = Records.findIndex(({ dynamodb }) => failed.has(dynamodb?.SequenceNumber ?? ''));
    const deliveredBefore = this.#delivered[to];
    this.#delivered[to] = Math.max(deliveredBefore, firstFailed < 0 ? through : from + firstFailed);
    return this.#records.slice(deliveredBefore, this.#delivered[to]).map(({ dynamodb }) => ({
      bookingId: dynamodb?.Keys?.bookingId?.S ?? '',
      expiresAtMs: readBooking(BOOKINGS_SHAPE, dynamodb?.NewImage as Item | undefined)?.expiresAtMs,
    }));
  }

  /**
   * Records live no longer: schedule-expiry has failed for all that time, and Lambda gives them up.
   *
   * @returns ids of the bookings that they were about
   */
  async giveUp(count: number): Promise<string[]> {
    await this.#readStream();
    const given = this.#records.slice(this.#delivered.timers, this.#delivered.timers + count);
    if (given.length === 0) return [];
    this.#delivered.timers += given.length;
    this.letters.push({ queueUrl: STREAM_LETTERS, body: JSON.stringify({ DDBStreamBatchInfo: {} }) });
    return given.map(({ dynamodb }) => dynamodb?.Keys?.bookingId?.S ?? '');
  }

  async #readStream(): Promise<void> {
    // For DynamoDB Local a position before the first record is out of date once another table has been written to.
    if (this.#records.length === 0) await this.#toTheBeginning();
    for (let more = true; more && this.#iterator !== undefined; ) {
      const answer = await this.#clients.streams.send(new GetRecordsCommand({ ShardIterator: this.#iterator }));
      this.#iterator = answer.NextShardIterator;
      more = (answer.Records ?? []).length > 0;
      for (const record of answer.Records ?? []) {
        const { ApproximateCreationDateTime, ...dynamodb } = record.dynamodb ?? {};
        this.#records.push({
          eventID: record.eventID,
          eventName: record.eventName,
          dynamodb: { ...dynamodb, ApproximateCreationDateTime: (ApproximateCreationDateTime?.getTime() ?? 0) / 1_000 },
        } as DynamoDBRecord);
      }
    }
  }

  /**
   * Timers come, whatever their delay was. Time passes while the Lambda waits for a deadline.
   *
   * @returns those that came
   */
  async deliver(picks: readonly number[], twice: boolean, circumstances: Circumstances): Promise<ExpiryTimer[]> {
    const picked = [...new Set(picks)].flatMap((pick) => this.timers[pick] ?? []);
    if (picked.length === 0) return [];
    const process = this.#process(circumstances);
    const records = picked.map((message) => {
      message.receives += 1;
      return { message, record: timerMessage(message.body, message.receives) };
    });
    const clock = this.#lambdaClock(circumstances);
    const looks: Promise<unknown>[] = [];
    const handle = createExpire({
      store: {
        expire: (...args) => process.store.expire(...args),
        glimpse: (ids) => {
          const look = process.store.glimpse(ids);
          looks.push(look.catch(() => {}));
          return look;
        },
      },
      queue: process.queue,
      deadLetters: process.timerLetters,
      telemetry: process.telemetry,
      clock,
      waitUntil: async (timeMs) => {
        // What is read while it waits comes back in time.
        await Promise.all(looks);
        this.nowMs = Math.max(this.nowMs, this.nowMs + timeMs - clock());
      },
      timerLeadMs: circumstances.settings.timerLeadMs,
      shape: BOOKINGS_SHAPE,
    });
    let failed = new Set(records.map(({ record }) => record.messageId));
    try {
      const answer = await handle({ Records: records.map(({ record }) => record) });
      failed = new Set(answer.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
    } catch {
      // The whole batch comes again.
    }
    await this.#remember();
    for (const { message, record } of process.hasCrashed() || twice ? [] : records) {
      if (!failed.has(record.messageId)) this.timers.splice(this.timers.indexOf(message), 1);
    }
    return picked.map(({ body }) => decodeTimer(body));
  }

  /** @returns the booking whose timer it was */
  lose(pick: number): string | undefined {
    const [lost] = this.timers.splice(pick, 1);
    return lost && decodeTimer(lost.body).bookingId;
  }

  /** Whether any timer of this booking is in the queue, and will come or come again. */
  awaits(id: string): boolean {
    return this.timers.some(({ body }) => decodeTimer(body).bookingId === id);
  }

  /** Whether a timer for this deadline is in the queue that has come when the deadline does. */
  hasTimer(id: string, expiresAtMs: number): boolean {
    return this.timers.some(({ body, dueAtMs }) => {
      const timer = decodeTimer(body);
      return timer.bookingId === id && timer.expiresAtMs === expiresAtMs && dueAtMs <= expiresAtMs;
    });
  }

  /** @param atOnce how many run at the same time */
  async sweep(by: SweptBy, atOnce: number, circumstances: Circumstances): Promise<Swept> {
    const clock = this.#lambdaClock(circumstances);
    const nowMs = clock();
    if (by === 'command') {
      try {
        expectRightClock(differenceOf(new Date(this.nowMs).toUTCString(), nowMs, nowMs));
      } catch {
        return { expired: 0, hasFailed: false, isRefused: true };
      }
    }
    const { settings } = circumstances;
    const { shardCount } = settings;
    const runs = await Promise.all(
      Array.from({ length: atOnce }, async () => {
        const process = this.#process(circumstances);
        const ports = { ...process, clock, isPermanent, shardCount, settings };
        if (by === 'webhook' || by === 'command') {
          const request = { overdueAfterMs: 0, settings, mayContinue: () => true };
          const { expired, errors } = await sweepCore(ports, request);
          return { expired, hasFailed: errors.length > 0 };
        }
        const request: SweepRequested = by === 'deployment' ? { isDeployment: true } : {};
        const answer = await createSweep(ports)(request, { getRemainingTimeInMillis: () => 60_000 }).catch(
          () => undefined,
        );
        const said = process.lines.find(({ message }) => message.startsWith('Successfully expired'))?.data;
        return { expired: Number(said?.expired ?? 0), hasFailed: answer === undefined };
      }),
    );
    await this.#remember(true);
    return {
      expired: runs.reduce((sum, { expired }) => sum + expired, 0),
      hasFailed: runs.some(({ hasFailed }) => hasFailed),
      isRefused: false,
    };
  }

  /**
   * The tables are restored to an earlier moment, by the runbook: nothing of the service runs meanwhile, and these items are
   * brought to what is true before it runs again. The new table's stream is another one, which knows nothing of it.
   */
  async restore(moment: Moment, state: 'kept' | 'lost' | 'old', reconciled: readonly Item[]): Promise<void> {
    const notes = { kept: this.moments.at(-1)?.state ?? [], lost: [], old: moment.state }[state];
    await this.#deleteTables();
    await this.begin();
    const { raw } = this.#clients;
    for (const Item of [...moment.items.values(), ...reconciled])
      await raw.send(new PutItemCommand({ TableName: this.#table(), Item }));
    for (const Item of notes) await raw.send(new PutItemCommand({ TableName: this.#stateTable(), Item }));
    this.#records.length = 0;
    await this.#readStream();
    // What the restore itself wrote is no news.
    this.#delivered.timers = this.#records.length;
    this.#delivered.events = this.#records.length;
    await this.#remember(true);
  }
}
