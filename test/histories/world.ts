/**
 * The service as it runs in a history: its real handlers, sweep and store over the real embedded DynamoDB and the table's
 * real stream. Only what must be controlled is not real: the clock, the queue, who delivers what when, and what fails.
 */
import { randomUUID } from 'node:crypto';
import {
  type AttributeValue,
  BatchExecuteStatementCommand,
  DeleteItemCommand,
  DeleteTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  PutItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import {
  DescribeStreamCommand,
  type DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
} from '@aws-sdk/client-dynamodb-streams';
import type { PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { GetQueueAttributesCommand, SendMessageBatchCommand } from '@aws-sdk/client-sqs';
import type { DynamoDBRecord } from 'aws-lambda';
import { BookingStore } from '../../functions/adapters/booking-store.ts';
import { DeadLetters } from '../../functions/adapters/dead-letters.ts';
import { DynamoDbTable } from '../../functions/adapters/dynamodb-table.ts';
import { EventBus } from '../../functions/adapters/event-bus.ts';
import { PatrolNotes } from '../../functions/adapters/patrol-notes.ts';
import { PendingIndex } from '../../functions/adapters/pending-index.ts';
import { isPermanent } from '../../functions/adapters/permanent-error.ts';
import { sweepScheduling } from '../../functions/adapters/sweep-scheduling.ts';
import { TimerQueue } from '../../functions/adapters/timer-queue.ts';
import type { Booking } from '../../functions/core/booking-status.ts';
import { createHandler as createExpire } from '../../functions/expire-booking.ts';
import { createHandler as createPublish } from '../../functions/publish-events.ts';
import { createHandler as createSchedule } from '../../functions/schedule-expiry.ts';
import { createHandler as createSweep } from '../../functions/sweep.ts';
import { type Item, readBooking } from '../../functions/table/item.ts';
import { LOCAL_CREDENTIALS, REGION } from '../../local/engines.ts';
import { createTables } from '../../local/resources.ts';
import { type Assembly, References } from '../../local/template.ts';
import { answerBatches, type BatchAnswers } from '../support/batch-answers.ts';
import { timerMessage } from '../support/records.ts';
import { recordingTelemetry } from '../support/telemetry.ts';
import { UnreliableRequests } from '../support/unreliable-requests.ts';
import type { Answer } from './model.ts';
import type { Fault } from './steps.ts';

export const SHARD_COUNT = 3;
const SETTINGS = { timerLeadMs: 1_000, sweepIntervalMs: 300_000 };
export const START_MS = 1_800_000_000_000;
const TIMERS = 'http://127.0.0.1/timers';
const DEAD_LETTERS = 'http://127.0.0.1/dead-letters';
/** Most bytes of the entries of one PutEvents (Amazon EventBridge User Guide, PutEvents). */
const MAX_EVENT_BYTES = 256 * 1024;
/** What SQS refuses in a body (Amazon SQS API Reference, SendMessage). */
const REFUSED_IN_A_BODY = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

/** What an application keeps with a booking: names that a marshaller may take for something else. */
export const DETAILS = JSON.parse(
  '{"seat":"7A","constructor":{"name":"Set"},"toJSON":null,"list":[{"constructor":"Map","price":12.5}]}',
) as Record<string, unknown>;

/** Thrown by every request of a process that has crashed. */
class Crash extends Error {
  override readonly name = 'Crash';
}

interface Clients {
  readonly raw: DynamoDBClient;
  readonly streams: DynamoDBStreamsClient;
  readonly endpoint: string;
  /** The synthesized app, whose tables each history has anew. */
  readonly assembly: Assembly;
}

interface Message {
  readonly body: string;
  receives: number;
}

export class World {
  nowMs = START_MS;
  readonly timers: Message[] = [];
  readonly deadLetters: string[] = [];
  /** Details of the events that the bus took, by their ids. */
  readonly published = new Map<string, Record<string, unknown>>();
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
   * @param lambdasAheadMs how far the Lambdas' clocks are ahead of everybody else's
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

  readonly #lambdaClock = (): number => this.nowMs + this.#lambdasAheadMs;

  async begin(): Promise<void> {
    const { raw } = this.#clients;
    // Names of its own: a table that is made again under its name goes on with the engine's old stream.
    await createTables({ ...this.#clients.assembly, stackName: randomUUID() }, raw, this.#references);
    answerBatches(this.#client, this.#batchAnswers, this.#table(), raw);
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
    for (const TableName of [this.#table(), this.#stateTable()]) {
      await this.#clients.raw.send(new DeleteTableCommand({ TableName }));
    }
    this.#client.destroy();
  }

  /** A process of the service, or of an application, that a fault may befall. */
  #process(fault: Fault | undefined) {
    let request = 0;
    let tries = 0;
    let crashed = false;
    this.#network.befallBy((operation) => {
      if (fault?.kind !== 'network' || (fault.only !== undefined && fault.only !== operation)) return undefined;
      tries += 1;
      return tries > fault.afterTries && tries <= fault.afterTries + fault.times ? fault.befalls : undefined;
    });
    const guarded = async <T>(carryOut: () => Promise<T>): Promise<T> => {
      if (crashed) throw new Crash('crashed before');
      const isLast = fault?.kind === 'crash' && request === fault.atRequest;
      request += 1;
      if (isLast) {
        crashed = true;
        if (fault.carriedOut) await carryOut();
        throw new Crash('crashed now');
      }
      if (fault?.kind === 'outage' && request <= fault.requests) throw new Error('InternalServerError');
      return carryOut();
    };
    const isHit = (index: number) => fault?.kind === 'half-fails' && (index % 2 === 1) === fault.odd;
    const client = {
      send: (command: { input: object }) =>
        guarded(async () => {
          if (!(command instanceof BatchExecuteStatementCommand) || fault?.kind !== 'half-fails') {
            return this.#client.send(command as never);
          }
          const statements = command.input.Statements ?? [];
          const spared = statements.filter((_, index) => !isHit(index));
          const answers =
            spared.length === 0
              ? []
              : ((await this.#client.send(new BatchExecuteStatementCommand({ Statements: spared }))).Responses ?? []);
          const Responses = statements.map((_, index) =>
            isHit(index) ? { Error: { Code: 'ThrottlingError' as const } } : answers.shift(),
          );
          return { Responses, $metadata: { attempts: 1 } };
        }),
    } as unknown as DynamoDBClient;
    const sqs = {
      send: (command: { input: object }) =>
        guarded(async () => {
          if (command instanceof GetQueueAttributesCommand) {
            return { Attributes: { ApproximateNumberOfMessages: String(this.deadLetters.length) } };
          }
          if (!(command instanceof SendMessageBatchCommand)) return {};
          const { QueueUrl, Entries = [] } = command.input;
          const Successful = [];
          const Failed = [];
          for (const [index, { Id, MessageBody = '' }] of Entries.entries()) {
            if (isHit(index)) Failed.push({ Id, Code: 'InternalError' });
            else if (REFUSED_IN_A_BODY.test(MessageBody)) Failed.push({ Id, Code: 'InvalidMessageContents' });
            else {
              // An answer that is lost makes the SDK send it again.
              const times = fault?.kind === 'network' && fault.befalls !== 'request-lost' ? 2 : 1;
              for (let time = 0; time < times; time += 1) {
                if (QueueUrl === TIMERS) this.timers.push({ body: MessageBody, receives: 0 });
                else this.deadLetters.push(MessageBody);
              }
              Successful.push({ Id });
            }
          }
          return { Successful, Failed };
        }),
    };
    const eventBridge = {
      send: ({ input: { Entries = [] } }: PutEventsCommand) =>
        guarded(async () => {
          const bytes = Entries.reduce((sum, { Detail = '' }) => sum + Buffer.byteLength(Detail), 0);
          if (bytes > MAX_EVENT_BYTES) throw Object.assign(new Error('too large'), { name: 'ValidationException' });
          return {
            Entries: Entries.map(({ Detail = '' }, index) => {
              if (isHit(index)) return { ErrorCode: 'InternalFailure' };
              this.published.set(JSON.parse(Detail).eventId, JSON.parse(Detail));
              return { EventId: randomUUID() };
            }),
          };
        }),
    };
    const { telemetry, lines } = recordingTelemetry();
    const bookings = new DynamoDbTable(client, this.#table());
    const queue = new TimerQueue(sqs as never, TIMERS);
    const state = new DynamoDbTable(client, this.#stateTable());
    return {
      store: new BookingStore(bookings, SHARD_COUNT),
      index: new PendingIndex(bookings, SHARD_COUNT),
      scheduling: sweepScheduling(queue, state),
      notes: new PatrolNotes(state, sqs as never, DEAD_LETTERS),
      queue,
      deadLetters: new DeadLetters(sqs as never, DEAD_LETTERS),
      eventBridge,
      telemetry,
      lines,
      hasCrashed: () => crashed,
    };
  }

  /** Requests that were held back or repeated, and that have not arrived yet. */
  get lateRequests(): number {
    return this.#network.lateRequests;
  }

  /** They arrive. */
  async landLateRequests(): Promise<void> {
    this.#network.befallBy(() => undefined);
    await this.#network.landLate();
  }

  /** How many records have not been worked off by a reader. */
  async undelivered(to: 'timers' | 'events'): Promise<number> {
    await this.#readStream();
    return this.#records.length - this.#delivered[to];
  }

  /** A move of an application. `unknown`: it never heard an answer. */
  async move(
    kind: 'create' | 'confirm' | 'cancel' | 'extend',
    id: string,
    holdMs: number,
    fault: Fault | undefined,
  ): Promise<Answer | 'unknown'> {
    const { store } = this.#process(fault);
    try {
      if (kind === 'create') {
        const outcome = await store.create({ bookingId: id, holdMs, details: DETAILS }, this.nowMs);
        return outcome.kind === 'created' ? 'done' : 'unchanged';
      }
      const outcome =
        kind === 'extend' ? await store.extend(id, holdMs, this.nowMs) : await store[kind](id, this.nowMs);
      return outcome.kind === 'moved' ? 'done' : outcome.kind;
    } catch {
      return 'unknown';
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
  async changeAgainstTheRules(id: string, name: 'status' | 'expiresAtMs', value: AttributeValue): Promise<boolean> {
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
    }
  }

  /** Records of the stream, in order, some of those of before first; all that are left if no number is given. */
  async stream(to: 'timers' | 'events', count: number, again: number, fault: Fault | undefined): Promise<void> {
    await this.#readStream();
    const from = Math.max(0, this.#delivered[to] - again);
    const through = Math.min(this.#records.length, this.#delivered[to] + count);
    const Records = this.#records.slice(from, through);
    if (Records.length === 0) return;
    const process = this.#process(fault);
    const { store, queue, deadLetters, telemetry } = process;
    const failed = new Set<string>();
    try {
      // The template's filter: only what is PENDING after the write.
      const pending = Records.filter(({ dynamodb }) => dynamodb?.NewImage?.status?.S === 'PENDING');
      const ports = {
        store,
        queue,
        deadLetters,
        telemetry,
        clock: this.#lambdaClock,
        shardCount: SHARD_COUNT,
        settings: SETTINGS,
      };
      const bus = new EventBus(process.eventBridge as never, 'bookings');
      const { batchItemFailures } =
        to === 'timers'
          ? await createSchedule(ports)({ Records: pending })
          : await createPublish({ bus, deadLetters, telemetry })({ Records });
      for (const { itemIdentifier } of batchItemFailures) failed.add(itemIdentifier);
    } catch {
      return;
    }
    if (process.hasCrashed()) return;
    // Lambda starts again at the first record that failed.
    const firstFailed = Records.findIndex(({ dynamodb }) => failed.has(dynamodb?.SequenceNumber ?? ''));
    this.#delivered[to] = Math.max(this.#delivered[to], firstFailed < 0 ? through : from + firstFailed);
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

  /** Timers come, whatever their delay was. Time passes while the Lambda waits for a deadline. */
  async deliver(picks: readonly number[], twice: boolean, fault: Fault | undefined): Promise<void> {
    const picked = [...new Set(picks)].flatMap((pick) => this.timers[pick] ?? []);
    if (picked.length === 0) return;
    const process = this.#process(fault);
    const records = picked.map((message) => {
      message.receives += 1;
      return { message, record: timerMessage(message.body, message.receives) };
    });
    const handle = createExpire({
      store: process.store,
      queue: process.queue,
      deadLetters: process.deadLetters,
      telemetry: process.telemetry,
      clock: this.#lambdaClock,
      waitUntil: async (timeMs) => {
        this.nowMs = Math.max(this.nowMs, timeMs - this.#lambdasAheadMs);
      },
      timerLeadMs: SETTINGS.timerLeadMs,
    });
    let failed = new Set(records.map(({ record }) => record.messageId));
    try {
      const answer = await handle({ Records: records.map(({ record }) => record) });
      failed = new Set(answer.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
    } catch {
      // The whole batch comes again.
    }
    if (process.hasCrashed() || twice) return;
    for (const { message, record } of records) {
      if (!failed.has(record.messageId)) this.timers.splice(this.timers.indexOf(message), 1);
    }
  }

  lose(pick: number): void {
    this.timers.splice(pick, 1);
  }

  /** @returns what the sweeps counted as expired */
  async sweep(atOnce: number, fault: Fault | undefined): Promise<number> {
    const expired = await Promise.all(
      Array.from({ length: atOnce }, async () => {
        const { lines, ...process } = this.#process(fault);
        const ports = { clock: this.#lambdaClock, isPermanent, shardCount: SHARD_COUNT, settings: SETTINGS };
        const handle = createSweep({ ...process, ...ports });
        await handle({}, { getRemainingTimeInMillis: () => 60_000 }).catch(() => {});
        return Number(lines.find(({ message }) => message.startsWith('Successfully expired'))?.data.expired ?? 0);
      }),
    );
    return expired.reduce((sum, count) => sum + count, 0);
  }

  /** The items of these ids as they are stored. */
  async readItems(ids: readonly string[]): Promise<ReadonlyMap<string, Item>> {
    const keys = ids.map((id) => ({ bookingId: { S: id } }));
    const table = new DynamoDbTable(this.#clients.raw, this.#table());
    const items = await table.getMany(keys, { consistent: true, settle: true });
    return new Map(items.map((item) => [item.bookingId?.S ?? '', item]));
  }

  async read(id: string): Promise<Booking | undefined> {
    return readBooking((await this.readItems([id])).get(id));
  }
}
