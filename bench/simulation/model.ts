/**
 * SQS, Lambda and DynamoDB as far as they decide when a booking expires, in simulated time. What the service itself does is
 * not modelled: its real handlers, sweep and booking store run on top of this.
 */
import type { SQSRecord } from 'aws-lambda';
import { BookingStore } from '../../functions/adapters/booking-store.ts';
import { decideOnWrite, type ScheduledTimer } from '../../functions/core/expiry-decisions.ts';
import { encodeTimer } from '../../functions/core/expiry-timer.ts';
import type { TimerSettings } from '../../functions/core/hold-time.ts';
import { shardOf } from '../../functions/core/pending-shard.ts';
import { sweep } from '../../functions/core/sweep.ts';
import { createHandler } from '../../functions/expire-booking.ts';
import { Kernel, seededChance } from './kernel.ts';

/** What the model takes for granted. Each is printed with the results. */
export interface Assumptions {
  /** Write units that one partition takes in a second (Amazon DynamoDB Developer Guide, partition limits). */
  readonly partitionWritesPerSecond: number;
  /** Partitions of the table itself. A new on-demand table takes 4,000 writes a second (same guide, initial throughput). */
  readonly tablePartitions: number;
  /** Concurrent batches at first, more each second, and at most (AWS Lambda Developer Guide, SQS scaling). */
  readonly concurrencyAtFirst: number;
  readonly concurrencyPerSecond: number;
  readonly maxConcurrency: number;
  /** Mean of what SQS delivers late by, in ms, exponential. No figure of AWS's: others saw "mostly below 100 ms". */
  readonly deliveryJitterMs: number;
  /** Making a new execution environment, in ms. No figure of AWS's for this bundle. */
  readonly coldStartMs: number;
  /** Round trip to DynamoDB, in ms. AWS says single-digit milliseconds. */
  readonly roundTripMs: number;
  /** CPU of one SDK call on a whole core, in ms, as `npm run bench -- --only cpu` measures it. */
  readonly callCpuMs: number;
  /** Memory of expire-booking and of the sweep; a core comes with 1,769 MB (AWS Lambda Developer Guide, memory). */
  readonly expireMemoryMb: number;
  readonly sweepMemoryMb: number;
  /** From a booking's write until its timer is sent, at most, in ms: streams are polled four times a second. */
  readonly streamDelayMs: number;
}

export const ASSUMPTIONS: Assumptions = {
  partitionWritesPerSecond: 1_000,
  tablePartitions: 40,
  concurrencyAtFirst: 5,
  concurrencyPerSecond: 5,
  maxConcurrency: 1_250,
  deliveryJitterMs: 40,
  coldStartMs: 500,
  roundTripMs: 6,
  callCpuMs: 0.5,
  expireMemoryMb: 192,
  sweepMemoryMb: 512,
  streamDelayMs: 500,
};

const CORE_MB = 1_769;
/** Pause before the first retry of a throttled request; doubles, and a random part of it is taken (AWS SDK, standard mode). */
const THROTTLED_PAUSE_MS = 500;
const SDK_ATTEMPTS = 3;
const MAX_RECEIVES = 10;

export interface WorldSettings {
  readonly seed: number;
  readonly shardCount: number;
  readonly settings: TimerSettings;
  readonly assumptions: Assumptions;
  /** The shard that every booking claims, instead of its hash. */
  readonly hotShard?: number | undefined;
  /** When no timer is delivered, epoch ms. */
  readonly pollerDown?: { readonly fromMs: number; readonly untilMs: number } | undefined;
  /** When the schedule does not fire, epoch ms. */
  readonly sweepsDown?: { readonly fromMs: number; readonly untilMs: number } | undefined;
}

interface SimulatedBooking {
  readonly bookingId: string;
  readonly expiresAtMs: number;
  readonly holdStartedAtMs: number;
  readonly shard: number;
  readonly tablePartition: number;
  expiredAtMs: number | undefined;
}

export interface Outcome {
  readonly bookings: number;
  readonly lagsMs: number[];
  readonly early: number;
  readonly left: number;
  readonly bySweep: number;
  readonly deadLetters: number;
  readonly throttled: number;
  /** Most batches at once. */
  readonly peakConcurrency: number;
  readonly invocations: number;
  readonly billedMs: number;
  readonly unfinishedSweeps: number;
}

interface Message {
  readonly body: string;
  receives: number;
}

/** Spends a second's worth of units at most, refilled as time goes. */
class Partition {
  readonly #perSecond: number;
  #units: number;
  #refilledAtMs: number;

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#units = perSecond;
    this.#refilledAtMs = nowMs;
  }

  has(nowMs: number): boolean {
    this.#units = Math.min(this.#perSecond, this.#units + ((nowMs - this.#refilledAtMs) * this.#perSecond) / 1_000);
    this.#refilledAtMs = nowMs;
    return this.#units >= 1;
  }

  spend(): void {
    this.#units -= 1;
  }
}

export class World {
  readonly kernel: Kernel;
  readonly chance: () => number;
  readonly #options: WorldSettings;
  readonly #bookings = new Map<string, SimulatedBooking>();
  readonly #index: SimulatedBooking[][];
  readonly #unsorted = new Set<SimulatedBooking[]>();
  readonly #indexPartitions: Partition[];
  readonly #tablePartitions: Partition[];
  readonly #visible: Message[] = [];
  #visibleHead = 0;
  readonly #inFlight = new Map<string, Message>();
  #concurrency: number;
  #running = 0;
  #warm = 0;
  #receipts = 0;
  #lastScaledMs = 0;
  #scheduledThroughMs = 0;
  readonly #counts = {
    early: 0,
    bySweep: 0,
    deadLetters: 0,
    throttled: 0,
    peakConcurrency: 0,
    invocations: 0,
    billedMs: 0,
    unfinishedSweeps: 0,
  };
  readonly #lagsMs: number[] = [];
  readonly #expire: ReturnType<typeof createHandler>;
  readonly #sweepStore: BookingStore;

  constructor(startMs: number, options: WorldSettings) {
    const { shardCount, assumptions, seed, settings } = options;
    this.kernel = new Kernel(startMs);
    this.#options = options;
    this.chance = seededChance(seed);
    this.#index = Array.from({ length: shardCount }, () => []);
    const partition = () => new Partition(assumptions.partitionWritesPerSecond, startMs);
    this.#indexPartitions = Array.from({ length: shardCount }, partition);
    this.#tablePartitions = Array.from({ length: assumptions.tablePartitions }, partition);
    this.#concurrency = assumptions.concurrencyAtFirst;
    this.#lastScaledMs = startMs;
    const client = (memoryMb: number) => ({ send: (command: unknown) => this.#call(command as Command, memoryMb) });
    this.#sweepStore = new BookingStore(client(assumptions.sweepMemoryMb) as never, 'bookings', shardCount);
    this.#expire = createHandler({
      store: new BookingStore(client(assumptions.expireMemoryMb) as never, 'bookings', shardCount),
      queue: {
        send: async (timers) => {
          for (const timer of timers) this.#send(timer);
          return [];
        },
        retryIn: async (retries) => {
          for (const { receiptHandle, seconds } of retries) this.#return(receiptHandle, seconds * 1_000);
        },
      },
      clock: this.kernel.now,
      waitUntil: (timeMs) => this.kernel.sleep(Math.max(0, timeMs - this.kernel.now())),
      telemetry: SILENT,
      timerLeadMs: settings.timerLeadMs,
    });
  }

  /** A booking is written now, by the service's own store or by a program that gives it a shard. */
  create(bookingId: string, expiresAtMs: number): void {
    const { shardCount, settings, assumptions, hotShard } = this.#options;
    const nowMs = this.kernel.now();
    const shard = hotShard ?? shardOf(bookingId, shardCount);
    const tablePartition = shardOf(bookingId, assumptions.tablePartitions);
    const holdStartedAtMs = nowMs;
    const booking = { bookingId, expiresAtMs, holdStartedAtMs, shard, tablePartition, expiredAtMs: undefined };
    this.#bookings.set(bookingId, booking);
    const entries = this.#index[shard] as SimulatedBooking[];
    if (expiresAtMs < (entries.at(-1)?.expiresAtMs ?? 0)) this.#unsorted.add(entries);
    entries.push(booking);
    const written = { bookingId, expiresAtMs, holdStartedAtMs, pendingShard: shard };
    this.kernel.at(nowMs + this.chance() * assumptions.streamDelayMs, () => {
      const decision = decideOnWrite(written, undefined, this.kernel.now(), shardCount, settings);
      if (decision.kind !== 'invalid-deadline' && decision.scheduled) this.#send(decision.scheduled);
    });
  }

  /** Fires the schedule at its rate until a time. */
  scheduleSweeps(untilMs: number): void {
    const { sweepIntervalMs } = this.#options.settings;
    for (let atMs = this.kernel.now() + sweepIntervalMs; atMs <= untilMs; atMs += sweepIntervalMs) {
      this.kernel.at(atMs, () => {
        const { sweepsDown } = this.#options;
        if (sweepsDown && atMs >= sweepsDown.fromMs && atMs < sweepsDown.untilMs) return;
        void this.#sweep();
      });
    }
  }

  outcome(): Outcome {
    const left = [...this.#bookings.values()].filter(({ expiredAtMs }) => expiredAtMs === undefined).length;
    return { bookings: this.#bookings.size, lagsMs: this.#lagsMs, left, ...this.#counts };
  }

  async #sweep(): Promise<void> {
    const { shardCount, settings } = this.#options;
    const startedAtMs = this.kernel.now();
    const limitMs = Math.min(300_000, settings.sweepIntervalMs) - 10_000;
    const report = await sweep(
      {
        store: this.#sweepStore,
        scheduling: {
          send: async (timers) => {
            await this.kernel.sleep(this.#roundTrip(this.#options.assumptions.sweepMemoryMb));
            for (const timer of timers) this.#send(timer);
            return [];
          },
          readState: async () => ({ scheduledThroughMs: this.#scheduledThroughMs, shardCount }),
          scheduledThrough: async (throughMs) => {
            this.#scheduledThroughMs = Math.max(this.#scheduledThroughMs, throughMs);
          },
          sawShardCount: async () => {},
        },
        clock: this.kernel.now,
      },
      {
        overdueAfterMs: 30_000,
        shardCount,
        settings,
        mayContinue: () => this.kernel.now() - startedAtMs < limitMs,
      },
    );
    if (report.remaining) this.#counts.unfinishedSweeps += 1;
  }

  #send({ timer, delaySeconds }: ScheduledTimer): void {
    const { deliveryJitterMs } = this.#options.assumptions;
    const jitterMs = -Math.log(1 - this.chance()) * deliveryJitterMs;
    const message = { body: encodeTimer(timer), receives: 0 };
    this.#appear(message, this.kernel.now() + delaySeconds * 1_000 + jitterMs);
  }

  #appear(message: Message, atMs: number): void {
    this.kernel.at(atMs, () => {
      this.#visible.push(message);
      this.#poll();
    });
  }

  #return(receiptHandle: string, afterMs: number): void {
    const message = this.#inFlight.get(receiptHandle);
    if (message === undefined) return;
    this.#inFlight.delete(receiptHandle);
    this.#appear(message, this.kernel.now() + afterMs);
  }

  /** Hands visible messages to free slots, ten at a time, and asks for more concurrency while messages wait. */
  #poll(): void {
    const { assumptions, pollerDown } = this.#options;
    const nowMs = this.kernel.now();
    if (pollerDown && nowMs >= pollerDown.fromMs && nowMs < pollerDown.untilMs) {
      this.kernel.at(pollerDown.untilMs, () => this.#poll());
      return;
    }
    while (this.#visible.length > this.#visibleHead && this.#running < Math.floor(this.#concurrency)) {
      const messages = this.#visible.slice(this.#visibleHead, this.#visibleHead + 10);
      this.#visibleHead += messages.length;
      if (this.#visibleHead > 10_000) {
        this.#visible.splice(0, this.#visibleHead);
        this.#visibleHead = 0;
      }
      void this.#invoke(messages);
    }
    if (this.#visible.length > this.#visibleHead && nowMs - this.#lastScaledMs >= 1_000) {
      this.#lastScaledMs = nowMs;
      this.#concurrency = Math.min(assumptions.maxConcurrency, this.#concurrency + assumptions.concurrencyPerSecond);
      this.kernel.at(nowMs + 1_000, () => this.#poll());
      this.#poll();
    }
  }

  async #invoke(messages: readonly Message[]): Promise<void> {
    const { kernel } = this;
    const { coldStartMs, roundTripMs } = this.#options.assumptions;
    this.#running += 1;
    this.#counts.peakConcurrency = Math.max(this.#counts.peakConcurrency, this.#running);
    await kernel.sleep(roundTripMs * (1 + this.chance()));
    if (this.#running > this.#warm) {
      this.#warm += 1;
      await kernel.sleep(coldStartMs);
    }
    const received = new Map<string, Message>();
    const Records = messages.flatMap((message) => {
      message.receives += 1;
      if (message.receives > MAX_RECEIVES) {
        this.#counts.deadLetters += 1;
        return [];
      }
      this.#receipts += 1;
      const receiptHandle = String(this.#receipts);
      received.set(receiptHandle, message);
      this.#inFlight.set(receiptHandle, message);
      return [recordOf(receiptHandle, message)];
    });
    const startedAtMs = kernel.now();
    const { batchItemFailures } = await this.#expire({ Records });
    this.#counts.invocations += 1;
    this.#counts.billedMs += Math.ceil(kernel.now() - startedAtMs);
    const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
    for (const receiptHandle of received.keys()) {
      if (!failed.has(receiptHandle)) this.#inFlight.delete(receiptHandle);
    }
    this.#running -= 1;
    this.#poll();
  }

  #roundTrip(memoryMb: number): number {
    const { roundTripMs, callCpuMs } = this.#options.assumptions;
    return roundTripMs * (0.7 + 0.6 * this.chance()) + callCpuMs * Math.max(1, CORE_MB / memoryMb);
  }

  /** What the SDK's document client does with the service's requests. */
  async #call(command: Command, memoryMb: number): Promise<unknown> {
    await this.kernel.sleep(this.#roundTrip(memoryMb));
    const { input } = command;
    switch (command.constructor.name) {
      case 'BatchExecuteStatementCommand':
        return {
          Responses: (input.Statements ?? []).map(({ Parameters = [] }) => {
            const [nowMs, expiredBy, bookingId] = Parameters as [number, string, string];
            return this.#write(bookingId, nowMs, expiredBy);
          }),
        };
      case 'UpdateCommand': {
        for (let attempt = 0; ; attempt += 1) {
          const { ':nowMs': nowMs, ':expiredBy': expiredBy } = input.ExpressionAttributeValues ?? {};
          const answer = this.#write(input.Key?.bookingId ?? '', Number(nowMs), String(expiredBy));
          if (answer.Error?.Code !== 'ThrottlingError') return answer;
          if (attempt + 1 >= SDK_ATTEMPTS) throw new Error('throttled');
          await this.kernel.sleep(this.chance() * THROTTLED_PAUSE_MS * 2 ** attempt + this.#roundTrip(memoryMb));
        }
      }
      case 'BatchGetCommand': {
        const [[table, { Keys }]] = Object.entries(input.RequestItems ?? {}) as [
          [string, { Keys: { bookingId: string }[] }],
        ];
        const found = Keys.flatMap(({ bookingId }) => {
          const booking = this.#bookings.get(bookingId);
          if (booking === undefined) return [];
          const status = booking.expiredAtMs === undefined ? 'PENDING' : 'EXPIRED';
          return [{ bookingId, status, expiresAtMs: booking.expiresAtMs }];
        });
        return { Responses: { [table]: found } };
      }
      case 'QueryCommand':
        return this.#query(input);
      default:
        throw new Error(`the model has no ${command.constructor.name}`);
    }
  }

  #write(bookingId: string, nowMs: number, expiredBy: string): { Error?: { Code: string; Item?: unknown } } {
    const booking = this.#bookings.get(bookingId);
    if (booking === undefined) return { Error: { Code: 'ConditionalCheckFailed' } };
    const index = this.#indexPartitions[booking.shard] as Partition;
    const table = this.#tablePartitions[booking.tablePartition] as Partition;
    const atMs = this.kernel.now();
    if (!index.has(atMs) || !table.has(atMs)) {
      this.#counts.throttled += 1;
      return { Error: { Code: 'ThrottlingError' } };
    }
    table.spend();
    if (booking.expiredAtMs !== undefined || booking.expiresAtMs > nowMs) {
      const status = booking.expiredAtMs === undefined ? 'PENDING' : 'EXPIRED';
      return { Error: { Code: 'ConditionalCheckFailed', Item: { status, expiresAtMs: booking.expiresAtMs } } };
    }
    index.spend();
    booking.expiredAtMs = nowMs;
    if (nowMs < booking.expiresAtMs) this.#counts.early += 1;
    if (expiredBy === 'sweep') this.#counts.bySweep += 1;
    // When it was committed, not when the clock was read: throttling comes in between.
    this.#lagsMs.push(atMs - booking.expiresAtMs);
    return {};
  }

  #query({ ExpressionAttributeValues = {}, Limit = 250, ExclusiveStartKey }: CommandInput) {
    const entries = this.#index[ExpressionAttributeValues[':shard'] as number] ?? [];
    if (this.#unsorted.delete(entries)) entries.sort((a, b) => a.expiresAtMs - b.expiresAtMs);
    const fromMs = ExpressionAttributeValues[':fromMs'] as number;
    const throughMs = ExpressionAttributeValues[':throughMs'] as number;
    const Items: SimulatedBooking[] = [];
    let place = (ExclusiveStartKey as { place?: number } | undefined)?.place ?? firstFrom(entries, fromMs);
    for (; place < entries.length && Items.length < Limit; place += 1) {
      const entry = entries[place] as SimulatedBooking;
      if (entry.expiresAtMs > throughMs) break;
      if (entry.expiredAtMs === undefined) Items.push(entry);
    }
    return { Items, ...(Items.length === Limit && { LastEvaluatedKey: { place } }) };
  }
}

/** Place of the first entry with a deadline from some time on. */
const firstFrom = (entries: readonly SimulatedBooking[], fromMs: number): number => {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((entries[middle]?.expiresAtMs ?? 0) < fromMs) low = middle + 1;
    else high = middle;
  }
  return low;
};

interface CommandInput {
  readonly Statements?: readonly { readonly Parameters?: readonly unknown[] }[];
  readonly Key?: { readonly bookingId: string };
  readonly ExpressionAttributeValues?: Readonly<Record<string, unknown>>;
  readonly RequestItems?: Readonly<Record<string, unknown>>;
  readonly Limit?: number;
  readonly ExclusiveStartKey?: unknown;
}
interface Command {
  readonly input: CommandInput;
}

const SILENT = { count: () => {}, lag: () => {}, info: () => {}, warn: () => {}, error: () => {}, flush: () => {} };

const recordOf = (receiptHandle: string, { body, receives }: Message): SQSRecord =>
  ({
    messageId: receiptHandle,
    receiptHandle,
    body,
    attributes: { ApproximateReceiveCount: String(receives) },
  }) as SQSRecord;
