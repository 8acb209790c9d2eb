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
import { Allowance, Kernel, seededChance } from './kernel.ts';
import { OrdinaryPolling, type Pollers, type Polling, ProvisionedPolling } from './polling.ts';
import { type Received, SimulatedQueue } from './queue.ts';
import { SimulatedBookings, SimulatedTable, type TableCounts } from './table.ts';

/** How long messages wait before Lambda takes more of them at once, ms. */
const SCALING_PERIOD_MS = 1_000;

export interface WorldSettings {
  readonly seed: number;
  readonly shardCount: number;
  readonly settings: TimerSettings;
  readonly assumptions: Assumptions;
  /** Provisioned pollers of the timer queue. @default - none */
  readonly pollers?: Pollers | undefined;
  /** The shard that every booking claims, instead of its hash. */
  readonly hotShard?: number | undefined;
  /** When no timer is delivered, epoch ms. */
  readonly pollerDown?: { readonly fromMs: number; readonly untilMs: number } | undefined;
  /** When the schedule does not fire, epoch ms. */
  readonly sweepsDown?: { readonly fromMs: number; readonly untilMs: number } | undefined;
}

export interface Outcome extends TableCounts {
  readonly bookings: number;
  readonly left: number;
  readonly deadLetters: number;
  /** Most batches at once. */
  readonly peakConcurrency: number;
  readonly invocations: number;
  /** Timers that were sent, again after they came too early among them. */
  readonly sent: number;
  readonly billedMs: number;
  readonly unfinishedSweeps: number;
}

export class SimulatedWorld {
  readonly kernel: Kernel;
  readonly chance: () => number;
  readonly #options: WorldSettings;
  readonly #bookings: SimulatedBookings;
  readonly #queue: SimulatedQueue;
  readonly #polling: Polling;
  readonly #newEnvironments: Allowance;
  #running = 0;
  #environments = 0;
  #lastScaledMs: number;
  #nextPollMs: number | undefined;
  #scheduledThroughMs = 0;
  readonly #counts = { peakConcurrency: 0, invocations: 0, sent: 0, billedMs: 0, unfinishedSweeps: 0, buried: 0 };
  readonly #expire: ReturnType<typeof createHandler>;
  readonly #sweepTable: SimulatedTable;

  constructor(startMs: number, options: WorldSettings) {
    const { shardCount, assumptions, seed, settings, pollers } = options;
    this.kernel = new Kernel(startMs);
    this.#options = options;
    this.chance = seededChance(seed);
    this.#bookings = new SimulatedBookings(this.kernel, shardCount, assumptions);
    this.#queue = new SimulatedQueue(this.kernel, () => this.#poll());
    this.#polling = pollers ? new ProvisionedPolling(assumptions, pollers, startMs) : new OrdinaryPolling(assumptions);
    this.#newEnvironments = new Allowance(assumptions.environmentsAtOnce, assumptions.environmentsPerSecond, startMs);
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
          for (const { receiptHandle, seconds } of retries) this.#queue.return(receiptHandle, seconds * 1_000);
        },
      },
      deadLetters: {
        put: async (letters) => {
          this.#counts.buried += letters.length;
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

  /** A customer pays now. */
  confirm(bookingId: string): void {
    this.#bookings.confirm(bookingId);
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
    const { buried, ...counts } = this.#counts;
    const deadLetters = this.#queue.deadLetters + buried;
    return {
      bookings: this.#bookings.size,
      left: this.#bookings.left(),
      deadLetters,
      ...this.#bookings.counts,
      ...counts,
    };
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
    this.#counts.sent += 1;
    this.#queue.send({ body: encodeTimer(timer), receives: 0 }, this.kernel.now() + delaySeconds * 1_000 + jitterMs);
  }

  /** Takes batches while there are messages and room for them, and asks for more of it while messages wait. */
  #poll(): void {
    const { pollerDown } = this.#options;
    const nowMs = this.kernel.now();
    if (pollerDown && nowMs >= pollerDown.fromMs && nowMs < pollerDown.untilMs) {
      this.#pollAt(pollerDown.untilMs);
      return;
    }
    while (this.#queue.visible > 0 && this.#mayInvoke(nowMs) && this.#polling.mayPoll(nowMs, this.#running)) {
      this.#polling.polled(nowMs);
      void this.#invoke(this.#queue.receive(this.#options.assumptions.timersPerPoll));
    }
    if (this.#queue.visible === 0) return;
    if (nowMs - this.#lastScaledMs >= SCALING_PERIOD_MS) {
      this.#lastScaledMs = nowMs;
      this.#polling.grow(SCALING_PERIOD_MS, nowMs);
      this.#poll();
      return;
    }
    const roomAtMs = this.#mayInvoke(nowMs) ? this.#polling.nextPollAtMs(nowMs) : this.#newEnvironments.nextAtMs(nowMs);
    const scaledAtMs = this.#lastScaledMs + SCALING_PERIOD_MS;
    // What ends meanwhile makes room too, and polls.
    this.#pollAt(roomAtMs > nowMs ? Math.min(roomAtMs, scaledAtMs) : scaledAtMs);
  }

  /** Whether one more batch finds an environment, or one can be made for it, and the queue gives it out. */
  #mayInvoke(nowMs: number): boolean {
    const { maxInFlight, timersPerPoll } = this.#options.assumptions;
    const free = this.#environments - this.#running + this.#newEnvironments.left(nowMs);
    return free > 0 && this.#queue.inFlight + timersPerPoll <= maxInFlight;
  }

  #pollAt(timeMs: number): void {
    const atMs = Math.ceil(timeMs);
    if (this.#nextPollMs !== undefined && this.#nextPollMs <= atMs) return;
    this.#nextPollMs = atMs;
    this.kernel.at(atMs, () => {
      if (this.#nextPollMs !== atMs) return;
      this.#nextPollMs = undefined;
      this.#poll();
    });
  }

  async #invoke(received: readonly Received[]): Promise<void> {
    const { kernel } = this;
    const { coldStartMs, roundTripMs } = this.#options.assumptions;
    this.#running += 1;
    this.#counts.peakConcurrency = Math.max(this.#counts.peakConcurrency, this.#running);
    const isCold = this.#running > this.#environments;
    if (isCold) {
      this.#environments += 1;
      this.#newEnvironments.take(kernel.now());
    }
    await kernel.sleep(roundTripMs * (1 + this.chance()) + (isCold ? coldStartMs : 0));
    const startedAtMs = kernel.now();
    const Records = received.map(([receiptHandle, message]) => recordOf(receiptHandle, message));
    const { batchItemFailures } = await this.#expire({ Records });
    this.#counts.invocations += 1;
    this.#counts.billedMs += Math.ceil(kernel.now() - startedAtMs);
    const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
    for (const [receiptHandle] of received) if (!failed.has(receiptHandle)) this.#queue.delete(receiptHandle);
    this.#running -= 1;
    this.#poll();
  }
}

const SILENT = { count: () => {}, lag: () => {}, info: () => {}, warn: () => {}, error: () => {}, flush: () => {} };

const recordOf = (receiptHandle: string, { body, receives }: Received[1]): SQSRecord =>
  ({
    messageId: receiptHandle,
    receiptHandle,
    body,
    attributes: { ApproximateReceiveCount: String(receives) },
  }) as SQSRecord;
