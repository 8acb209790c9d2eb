/**
 * The service as it runs in a history: its real handlers, sweep and store over the real embedded DynamoDB and the table's
 * real stream. Only what must be controlled is not real: the clock, the queue, who delivers what when, and what fails.
 */
import { randomUUID } from 'node:crypto';
import { DeleteTableCommand, DescribeTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  DescribeStreamCommand,
  type DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
} from '@aws-sdk/client-dynamodb-streams';
import { SendMessageBatchCommand } from '@aws-sdk/client-sqs';
import {
  BatchExecuteStatementCommand,
  DeleteCommand,
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import type { DynamoDBRecord } from 'aws-lambda';
import { BookingStore } from '../../functions/adapters/booking-store.ts';
import type { EventBus } from '../../functions/adapters/event-bus.ts';
import { sweepScheduling } from '../../functions/adapters/sweep-scheduling.ts';
import { TimerQueue } from '../../functions/adapters/timer-queue.ts';
import type { Booking } from '../../functions/core/booking-status.ts';
import { createHandler as createExpire } from '../../functions/expire-booking.ts';
import { createHandler as createPublish } from '../../functions/publish-events.ts';
import { createHandler as createSchedule } from '../../functions/schedule-expiry.ts';
import { createHandler as createSweep } from '../../functions/sweep.ts';
import { createTables } from '../../local/resources.ts';
import { type Assembly, References } from '../../local/template.ts';
import { timerMessage } from '../support/records.ts';
import { recordingTelemetry } from '../support/telemetry.ts';
import type { Answer } from './model.ts';
import type { Fault } from './steps.ts';

export const SHARD_COUNT = 3;
const SETTINGS = { timerLeadMs: 1_000, sweepIntervalMs: 300_000 };
export const START_MS = 1_800_000_000_000;

/** Thrown by every request of a process that has crashed. */
class Crash extends Error {
  override readonly name = 'Crash';
}

interface Clients {
  readonly raw: DynamoDBClient;
  readonly documents: DynamoDBDocumentClient;
  readonly streams: DynamoDBStreamsClient;
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
  readonly published = new Set<string>();
  readonly #clients: Clients;
  readonly #references = new References();
  readonly #records: DynamoDBRecord[] = [];
  readonly #delivered = { timers: 0, events: 0 };
  #iterator: string | undefined;

  readonly #lambdasAheadMs: number;

  /** @param lambdasAheadMs how far the Lambdas' clocks are ahead of everybody else's */
  constructor(clients: Clients, lambdasAheadMs: number) {
    this.#clients = clients;
    this.#lambdasAheadMs = lambdasAheadMs;
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
    const { raw, streams } = this.#clients;
    // Names of its own: a table that is made again under its name goes on with the engine's old stream.
    await createTables({ ...this.#clients.assembly, stackName: randomUUID() }, raw, this.#references);
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
  }

  /** A process of the service, or of an application, that a fault may befall. */
  #process(fault: Fault | undefined) {
    let request = 0;
    let crashed = false;
    const real = this.#clients.documents;
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
    const documents = {
      send: (command: { input: object }) =>
        guarded(async () => {
          if (!(command instanceof BatchExecuteStatementCommand) || fault?.kind !== 'half-fails') {
            return real.send(command as never);
          }
          const statements = command.input.Statements ?? [];
          const spared = statements.filter((_, index) => !isHit(index));
          const answers =
            spared.length === 0
              ? []
              : ((await real.send(new BatchExecuteStatementCommand({ Statements: spared }))).Responses ?? []);
          const Responses = statements.map((_, index) =>
            isHit(index) ? { Error: { Code: 'ThrottlingError' as const } } : answers.shift(),
          );
          return { Responses };
        }),
    } as unknown as DynamoDBDocumentClient;
    const sqs = {
      send: (command: { input: object }) =>
        guarded(async () => {
          if (!(command instanceof SendMessageBatchCommand)) return {};
          const Successful = [];
          const Failed = [];
          for (const [index, { Id, MessageBody = '' }] of (command.input.Entries ?? []).entries()) {
            if (isHit(index)) Failed.push({ Id, Code: 'InternalError' });
            else {
              this.timers.push({ body: MessageBody, receives: 0 });
              Successful.push({ Id });
            }
          }
          return { Successful, Failed };
        }),
    };
    const { telemetry } = recordingTelemetry();
    const queue = new TimerQueue(sqs as never, 'http://127.0.0.1/timers');
    const store = new BookingStore(documents, this.#table(), SHARD_COUNT);
    return { store, queue, documents, sqs, telemetry, hasCrashed: () => crashed };
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
        const outcome = await store.create({ bookingId: id, holdMs }, this.nowMs);
        return outcome.kind === 'created' ? 'done' : 'unchanged';
      }
      const outcome =
        kind === 'extend' ? await store.extend(id, holdMs, this.nowMs) : await store[kind](id, this.nowMs);
      return outcome.kind === 'moved' ? 'done' : outcome.kind;
    } catch {
      return 'unknown';
    }
  }

  /** A program that knows the table and nothing else. */
  async foreign(kind: 'create' | 'extend' | 'confirm' | 'delete', id: string, expiresAtMs?: number): Promise<void> {
    const { documents } = this.#clients;
    const TableName = this.#table();
    const Key = { bookingId: id };
    const stillHeld = {
      ConditionExpression: '#status = :pending AND expiresAtMs > :nowMs',
      ExpressionAttributeNames: { '#status': 'status' },
    };
    const values = { ':pending': 'PENDING', ':nowMs': this.nowMs };
    const command = {
      create: () =>
        new PutCommand({
          TableName,
          Item: { bookingId: id, status: 'PENDING', ...(expiresAtMs !== undefined && { expiresAtMs }) },
          ConditionExpression: 'attribute_not_exists(bookingId)',
        }),
      extend: () =>
        new UpdateCommand({
          TableName,
          Key,
          UpdateExpression: 'SET expiresAtMs = :new',
          ...stillHeld,
          ExpressionAttributeValues: { ...values, ':new': expiresAtMs },
        }),
      confirm: () =>
        new UpdateCommand({
          TableName,
          Key,
          UpdateExpression: 'SET #status = :confirmed',
          ...stillHeld,
          ExpressionAttributeValues: { ...values, ':confirmed': 'CONFIRMED' },
        }),
      delete: () => new DeleteCommand({ TableName, Key }),
    }[kind]();
    await documents.send(command as never).catch((error: Error) => {
      if (error.name !== 'ConditionalCheckFailedException') throw error;
    });
  }

  /** Records of the stream, in order, some of those of before first; all that are left if no number is given. */
  async stream(to: 'timers' | 'events', count: number, again: number, fault: Fault | undefined): Promise<void> {
    await this.#readStream();
    const from = Math.max(0, this.#delivered[to] - again);
    const through = Math.min(this.#records.length, this.#delivered[to] + count);
    const Records = this.#records.slice(from, through);
    if (Records.length === 0) return;
    const process = this.#process(fault);
    const { store, queue, telemetry } = process;
    const failed = new Set<string>();
    try {
      // The template's filter: only what is PENDING after the write.
      const pending = Records.filter(({ dynamodb }) => dynamodb?.NewImage?.status?.S === 'PENDING');
      const ports = { store, queue, telemetry, clock: this.#lambdaClock, shardCount: SHARD_COUNT, settings: SETTINGS };
      const bus: Pick<EventBus, 'publish'> = {
        publish: async (events) => {
          if (fault?.kind === 'crash') throw new Crash('crashed while publishing');
          const isLost = (index: number) =>
            fault?.kind === 'outage' || (fault?.kind === 'half-fails' && (index % 2 === 1) === fault.odd);
          return events.flatMap((event, index) => {
            if (isLost(index)) return [{ event, error: new Error('not published') }];
            this.published.add(event.detail.eventId);
            return [];
          });
        },
      };
      const { batchItemFailures } =
        to === 'timers'
          ? await createSchedule(ports)({ Records: pending })
          : await createPublish({ bus, telemetry })({ Records });
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

  async sweep(atOnce: number, fault: Fault | undefined): Promise<void> {
    await Promise.all(
      Array.from({ length: atOnce }, async () => {
        const { store, documents, sqs, telemetry } = this.#process(fault);
        const scheduling = sweepScheduling(documents, sqs as never, this.#stateTable(), 'http://127.0.0.1/timers');
        const ports = {
          store,
          scheduling,
          telemetry,
          clock: this.#lambdaClock,
          shardCount: SHARD_COUNT,
          settings: SETTINGS,
        };
        await createSweep(ports)({}, { getRemainingTimeInMillis: () => 60_000 }).catch(() => {});
      }),
    );
  }

  async read(id: string): Promise<Booking | undefined> {
    const { Item } = await this.#clients.documents.send(
      new GetCommand({ TableName: this.#table(), Key: { bookingId: id }, ConsistentRead: true }),
    );
    return Item as Booking | undefined;
  }
}
