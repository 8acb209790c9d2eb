/**
 * The service as it runs in a history: its real handlers, sweep and store over the real embedded DynamoDB and the table's
 * real stream. Only what must be controlled is not real: the clock, the queue, who delivers what when, and what fails.
 */

import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
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
import { InvalidMoveError } from '../../client/index.ts';
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
import { asStored, type Item, readBooking } from '../../functions/table/item.ts';
import { keyText } from '../../functions/table/key-text.ts';
import type { Assembly } from '../../local/assembly.ts';
import { LOCAL_CREDENTIALS, REGION } from '../../local/engines.ts';
import { References } from '../../local/references.ts';
import { createTables } from '../../local/tables.ts';
import { answerBatches, type BatchAnswers } from '../support/batch-answers.ts';
import type { TableOfAMake } from '../support/five-tables.ts';
import { createTableOf, idOf, storedKey } from '../support/open-table.ts';
import { timerMessage } from '../support/records.ts';
import { UnreliableRequests } from '../support/unreliable-requests.ts';
import { Application, type Manners, type OwnersMove } from './application.ts';
import type { Answer } from './model.ts';
import { bareItem, createStateTable, isOurs, withoutServices } from './owner.ts';
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
  /** Whether it is what the service itself did to put the item into the index. */
  readonly isAdoption: boolean;
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
  readonly make: TableOfAMake;
  /** How applications go about their moves, where they use the client. */
  readonly manners: Manners;
  /** Names of items by the texts of their keys. */
  readonly #names = new Map<string, string>();
  #tables = { items: '', state: '' };

  /**
   * @param make the table that it is about
   * @param manners how applications go about their moves, where they use the client
   * @param lambdasAheadMs how far the Lambdas' clocks are ahead without anybody knowing
   * @param batchAnswers what a failed condition of a batch tells
   */
  constructor(
    clients: Clients,
    make: TableOfAMake,
    manners: Manners,
    lambdasAheadMs: number,
    batchAnswers: BatchAnswers,
  ) {
    this.#clients = clients;
    this.make = make;
    this.manners = manners;
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

  readonly #table = (): string => this.#tables.items;
  readonly #stateTable = (): string => this.#tables.state;

  /** The key of an item, as the API has it. */
  #keyOf(id: string): Item {
    this.textOf(id);
    return storedKey(this.make, id);
  }

  /** What logs, timers and events call an item. */
  textOf(id: string): string {
    const text = idOf(this.make, id);
    this.#names.set(text, id);
    return text;
  }

  /** The name of the item that timers and events call by this text. */
  nameOf(text: string): string {
    return this.#names.get(text) ?? text;
  }

  #nameIn(item: Item | undefined): string {
    return this.nameOf(keyText(this.make.shape, item ?? {}) ?? '');
  }

  #lambdaClock({ offMs = 0 }: Circumstances): () => number {
    return () => this.nowMs + this.#lambdasAheadMs + offMs;
  }

  async begin(): Promise<void> {
    const { raw } = this.#clients;
    await this.#createTables();
    answerBatches(this.#client, this.#batchAnswers, this.#table(), raw, Object.keys(this.#keyOf('any')));
    await this.#remember();
  }

  /** Tables with names of their own: one that is made again under its name goes on with the engine's old stream. */
  async #createTables(): Promise<void> {
    const { raw, assembly } = this.#clients;
    if (isOurs(this.make)) {
      await createTables({ ...assembly, stackName: randomUUID() }, raw, this.#references);
      const nameOf = (logicalId: string): string => String(this.#references.resolve({ Ref: logicalId }));
      this.#tables = { items: nameOf('BookingsTable'), state: nameOf('SweepStateTable') };
      return;
    }
    this.#tables = { items: await createTableOf(this.make.shape, raw), state: `state-${randomUUID()}` };
    await raw.send(createStateTable(this.#tables.state));
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
    return readBooking(this.make.shape, this.items.get(id));
  }

  /** @param isSwept whether sweeps may have noted something */
  async #remember(isSwept = false): Promise<void> {
    const items = await this.#scan(this.#table());
    const state = isSwept ? await this.#scan(this.#stateTable()) : (this.moments.at(-1)?.state ?? []);
    const byId = new Map(items.map((item) => [this.#nameIn(item), item]));
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
        shape: this.make.shape,
        view: viewOf(this.make.shape, this.itemsOf(lagMs), lagMs > 0),
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

  /** Whether schedule-expiry has handled all that was done to an item, but for what it did itself. */
  async isUpToDate(id: string): Promise<boolean> {
    await this.#readStream();
    return this.#records
      .slice(this.#delivered.timers)
      .every(({ dynamodb }) => this.#nameIn(dynamodb?.Keys as Item) !== id || this.#isAdoption(dynamodb));
  }

  /** How many records have not been worked off by a reader, of one booking or of all. */
  async undelivered(to: 'timers' | 'events', id?: string): Promise<number> {
    await this.#readStream();
    return this.#records
      .slice(this.#delivered[to])
      .filter(({ dynamodb }) => id === undefined || this.#nameIn(dynamodb?.Keys as Item) === id).length;
  }

  /** A move of an application. `unknown`: it never heard an answer. */
  async move(
    kind: OwnersMove,
    id: string,
    holdMs: number,
    circumstances: Circumstances,
    isCancelledFree = false,
  ): Promise<{ readonly answer: Answer | 'unknown'; readonly told?: string }> {
    this.textOf(id);
    const process = this.#process(circumstances);
    const nowMs = this.nowMs + (circumstances.offMs ?? 0);
    try {
      if (isOurs(this.make)) return await ourMove(process, kind, id, holdMs, nowMs);
      return await this.#application(process, circumstances).move(kind, id, holdMs, nowMs, isCancelledFree);
    } catch (error) {
      // A mistake in what the client was given, or in what it made of it.
      if (error instanceof InvalidMoveError || (!isOurs(this.make) && isMistake(error))) throw error;
      return { answer: 'unknown' };
    } finally {
      await this.#remember();
    }
  }

  #application({ documents }: Process, { settings }: Circumstances): Application {
    return new Application(this.make, documents, this.#table(), settings.shardCount, this.manners);
  }

  /** Somebody reads a booking by its id. What it is told; `unheard` if that failed. */
  async read(id: string, circumstances: Circumstances): Promise<string | undefined | 'unheard'> {
    const process = this.#process(circumstances);
    const nowMs = this.nowMs + (circumstances.offMs ?? 0);
    try {
      if (!isOurs(this.make)) return await this.#application(process, circumstances).read(id, nowMs);
      const booking = await process.bookings.read(id, nowMs);
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
      return bookings.map(({ bookingId }) => this.nameOf(bookingId));
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
        Item: { ...attributes, ...this.#keyOf(id) },
        ConditionExpression: 'attribute_not_exists(#key)',
        ExpressionAttributeNames: { '#key': this.make.shape.key.partition.name },
      }),
    );
  }

  /** The same with nothing but what its owner has in it. */
  async putBare(id: string, wholeMs: number): Promise<boolean> {
    return this.put(id, bareItem(this.make, id, wholeMs));
  }

  /** Its owner writes an item again, as it is, without what the service added. */
  async putAgain(id: string): Promise<boolean> {
    const item = this.items.get(id);
    if (item === undefined) return false;
    return this.#foreign(new PutItemCommand({ TableName: this.#table(), Item: withoutServices(this.make, item) }));
  }

  /** It changes one attribute, by the README's rules: only while the booking is held, and if there is room. */
  async changeByTheRules(id: string, name: string, value: AttributeValue): Promise<boolean> {
    const { status, deadline } = this.make.shape;
    const item = this.items.get(id);
    const stored = this.stored(id);
    if (item === undefined || stored?.status !== 'PENDING' || (stored.expiresAtMs ?? 0) <= this.nowMs) return false;
    return this.#foreign(
      new UpdateItemCommand({
        TableName: this.#table(),
        Key: this.#keyOf(id),
        UpdateExpression: 'SET #name = :value',
        ConditionExpression: '#status = :status AND #deadline = :deadline',
        ExpressionAttributeNames: { '#status': status.attribute, '#deadline': deadline.attribute, '#name': name },
        ExpressionAttributeValues: {
          ':status': asStored(item, status.attribute)?.stored as AttributeValue,
          ':deadline': asStored(item, deadline.attribute)?.stored as AttributeValue,
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
        Key: this.#keyOf(id),
        UpdateExpression: 'SET #name = :value',
        ConditionExpression: 'attribute_exists(#key)',
        ExpressionAttributeNames: { '#name': name, '#key': this.make.shape.key.partition.name },
        ExpressionAttributeValues: { ':value': value },
      }),
    );
  }

  async delete(id: string): Promise<void> {
    await this.#foreign(new DeleteItemCommand({ TableName: this.#table(), Key: this.#keyOf(id) }));
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
    const { shape } = this.make;
    const failed = new Set<string>();
    try {
      // The template's filter: only what is PENDING after the write.
      const { status } = shape;
      const pending = Records.filter(({ dynamodb }) =>
        status.pending.includes(dynamodb?.NewImage?.[status.attribute]?.S ?? ''),
      );
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
              shape,
              shardCount,
              settings,
            })({
              Records: pending,
            })
          : await createPublish({ bus, deadLetters, telemetry, shape })({ Records });
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
      bookingId: this.#nameIn(dynamodb?.Keys as Item),
      expiresAtMs: readBooking(shape, dynamodb?.NewImage as Item | undefined)?.expiresAtMs,
      isAdoption: this.#isAdoption(dynamodb),
    }));
  }

  #isAdoption({ OldImage, NewImage }: NonNullable<DynamoDBRecord['dynamodb']> = {}): boolean {
    if (OldImage === undefined || NewImage === undefined) return false;
    const [before, after] = [OldImage as Item, NewImage as Item];
    const { pendingShard, expiresAtMs } = this.make.shape.attributes;
    const isSet = (name: string) => after[name] !== undefined && !isDeepStrictEqual(after[name], before[name]);
    const [kept, was] = [after, before].map((image) => withoutServices(this.make, image));
    // The embedded engine streams a write that changes nothing, as when the patrol was there before.
    const isNothing = isDeepStrictEqual(after, before);
    return isNothing || ((isSet(pendingShard) || isSet(expiresAtMs)) && isDeepStrictEqual(kept, was));
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
    return given.map(({ dynamodb }) => this.#nameIn(dynamodb?.Keys as Item));
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
      shape: this.make.shape,
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
    return picked.map(({ body }) => this.#timerIn(body));
  }

  /** A timer, with the name of the item that it is for. */
  #timerIn(body: string): ExpiryTimer {
    const { bookingId, expiresAtMs } = decodeTimer(body);
    return { bookingId: this.nameOf(bookingId), expiresAtMs };
  }

  /** @returns the booking whose timer it was */
  lose(pick: number): string | undefined {
    const [lost] = this.timers.splice(pick, 1);
    return lost && this.#timerIn(lost.body).bookingId;
  }

  /** Whether any timer of this booking is in the queue, and will come or come again. */
  awaits(id: string): boolean {
    return this.timers.some(({ body }) => this.#timerIn(body).bookingId === id);
  }

  /** Whether a timer for this deadline is in the queue that has come when the deadline does. */
  hasTimer(id: string, expiresAtMs: number): boolean {
    return this.timers.some(({ body, dueAtMs }) => {
      const timer = this.#timerIn(body);
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

/** A move by this service's own store. */
const ourMove = async (
  { bookings }: Process,
  kind: OwnersMove,
  id: string,
  holdMs: number,
  nowMs: number,
): Promise<{ readonly answer: Answer; readonly told?: string }> => {
  if (kind === 'hold' || kind === 'release') throw new Error(`our own store has no move ${kind}`);
  if (kind === 'create') {
    const outcome = await bookings.create({ bookingId: id, holdMs, details: DETAILS }, nowMs);
    return { answer: outcome.kind === 'created' ? 'done' : 'unchanged' };
  }
  const outcome = kind === 'extend' ? await bookings.extend(id, holdMs, nowMs) : await bookings[kind](id, nowMs);
  if (outcome.kind === 'refused') return { answer: 'refused', told: outcome.found };
  if (outcome.kind === 'slots-taken' || outcome.kind === 'too-long') throw new Error(`without slots: ${outcome.kind}`);
  return { answer: outcome.kind === 'moved' ? 'done' : outcome.kind };
};

/** Whether DynamoDB refused a request for what it says, and not because an item is full. */
const isMistake = (error: unknown): boolean =>
  error instanceof Error &&
  ['ValidationException', 'SerializationException'].includes(error.name) &&
  !error.message.includes('size');
