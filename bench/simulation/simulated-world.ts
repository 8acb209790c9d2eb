/**
 * SQS, Lambda and DynamoDB as far as they decide when a booking expires, in simulated time. What the service itself does is
 * not modelled: its real handlers, sweep and booking store run on top of this.
 */

import type { SQSRecord } from 'aws-lambda';
import { HeldItems } from '../../functions/adapters/held-items.ts';
import { PendingIndex } from '../../functions/adapters/pending-index.ts';
import { isPermanent } from '../../functions/adapters/permanent-error.ts';
import { decideOnWrite, type ScheduledTimer } from '../../functions/core/expiry-decisions.ts';
import { encodeTimer } from '../../functions/core/expiry-timer.ts';
import type { TimerSettings } from '../../functions/core/hold-time.ts';
import { shardOf } from '../../functions/core/pending-shard.ts';
import { sweep } from '../../functions/core/sweep.ts';
import { createHandler } from '../../functions/expire-booking.ts';
import { seenBooking } from '../../functions/table/item.ts';
import { BOOKINGS_SHAPE } from '../../functions/table/shape.ts';
import type { Assumptions } from './assumptions.ts';
import { Kernel, seededChance } from './kernel.ts';
import { SimulatedBookings, SimulatedTable } from './table.ts';

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

export class SimulatedWorld {
  readonly kernel: Kernel;
  readonly chance: () => number;
  readonly #options: WorldSettings;
  readonly #bookings: SimulatedBookings;
  readonly #visible: Message[] = [];
  #visibleHead = 0;
  readonly #inFlight = new Map<string, Message>();
  #concurrency: number;
  #running = 0;
  #warm = 0;
  #receipts = 0;
  #lastScaledMs = 0;
  #scheduledThroughMs = 0;
  readonly #counts = { deadLetters: 0, peakConcurrency: 0, invocations: 0, billedMs: 0, unfinishedSweeps: 0 };
  readonly #expire: ReturnType<typeof createHandler>;
  readonly #sweepTable: SimulatedTable;

  constructor(startMs: number, options: WorldSettings) {
    const { shardCount, assumptions, seed, settings } = options;
    this.kernel = new Kernel(startMs);
    this.#options = options;
    this.chance = seededChance(seed);
    this.#bookings = new SimulatedBookings(this.kernel, shardCount, assumptions);
    this.#concurrency = assumptions.concurrencyAtFirst;
    this.#lastScaledMs = startMs;
    const tableOf = (memoryMb: number) =>
      new SimulatedTable(this.kernel, this.#bookings, memoryMb, assumptions, this.chance);
    this.#sweepTable = tableOf(assumptions.sweepMemoryMb);
    this.#expire = createHandler({
      store: new HeldItems(tableOf(assumptions.expireMemoryMb), BOOKINGS_SHAPE),
      queue: {
        send: async (timers) => {
          for (const timer of timers) this.#send(timer);
          return [];
        },
        retryIn: async (retries) => {
          for (const { receiptHandle, seconds } of retries) this.#return(receiptHandle, seconds * 1_000);
        },
      },
      deadLetters: {
        put: async (letters) => {
          this.#counts.deadLetters += letters.length;
          return [];
        },
      },
      clock: this.kernel.now,
      waitUntil: (timeMs) => this.kernel.sleep(Math.max(0, timeMs - this.kernel.now())),
      telemetry: SILENT,
      timerLeadMs: settings.timerLeadMs,
      shape: BOOKINGS_SHAPE,
    });
  }

  /** A booking is written now, by the service's own store or by a program that gives it a shard. */
  create(bookingId: string, expiresAtMs: number): void {
    const { shardCount, settings, assumptions, hotShard } = this.#options;
    const item = this.#bookings.add(bookingId, expiresAtMs, hotShard ?? shardOf(bookingId, shardCount));
    this.kernel.at(this.kernel.now() + this.chance() * assumptions.streamDelayMs, () => {
      const seen = seenBooking(BOOKINGS_SHAPE, item);
      if (seen === undefined) return;
      const decision = decideOnWrite(seen, undefined, this.kernel.now(), shardCount, settings);
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
    return { bookings: this.#bookings.size, left: this.#bookings.left(), ...this.#bookings.counts, ...this.#counts };
  }

  async #sweep(): Promise<void> {
    const { shardCount, settings } = this.#options;
    const startedAtMs = this.kernel.now();
    const limitMs = Math.min(300_000, settings.sweepIntervalMs) - 10_000;
    const table = this.#sweepTable;
    const report = await sweep(
      {
        store: new HeldItems(table, BOOKINGS_SHAPE),
        index: new PendingIndex(table, BOOKINGS_SHAPE, shardCount),
        scheduling: {
          send: async (timers) => {
            await this.kernel.sleep(this.#sweepTable.roundTripMs());
            for (const timer of timers) this.#send(timer);
            return [];
          },
          readState: async () => ({
            scheduledThroughMs: this.#scheduledThroughMs,
            moveTo: async (throughMs) => {
              this.#scheduledThroughMs = throughMs;
            },
          }),
        },
        clock: this.kernel.now,
        isPermanent,
      },
      {
        overdueAfterMs: 30_000,
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
}

const SILENT = { count: () => {}, lag: () => {}, info: () => {}, warn: () => {}, error: () => {}, flush: () => {} };

const recordOf = (receiptHandle: string, { body, receives }: Message): SQSRecord =>
  ({
    messageId: receiptHandle,
    receiptHandle,
    body,
    attributes: { ApproximateReceiveCount: String(receives) },
  }) as SQSRecord;
