/** The processes of a small world. Each is the service's real code; what it asks for is answered by whoever plays the world. */

import type { DynamoDBRecord, SQSRecord } from 'aws-lambda';
import { differenceOf, expectRightClock } from '../../commands/engine-clock.ts';
import { BookingStore } from '../../functions/adapters/booking-store.ts';
import { DeadLetters } from '../../functions/adapters/dead-letters.ts';
import { HeldItems } from '../../functions/adapters/held-items.ts';
import { PatrolNotes } from '../../functions/adapters/patrol-notes.ts';
import { PendingIndex } from '../../functions/adapters/pending-index.ts';
import { isPermanent } from '../../functions/adapters/permanent-error.ts';
import { sweepScheduling } from '../../functions/adapters/sweep-scheduling.ts';
import { TimerSender } from '../../functions/adapters/timer-sender.ts';
import { createBookingsApi } from '../../functions/api/bookings-api.ts';
import type { TimerSettings } from '../../functions/core/hold-time.ts';
import { takeInAll } from '../../functions/core/left-out.ts';
import { sweep } from '../../functions/core/sweep.ts';
import { createHandler as createExpire } from '../../functions/expire-booking.ts';
import type { Telemetry } from '../../functions/runtime/telemetry.ts';
import { createHandler as createSchedule } from '../../functions/schedule-expiry.ts';
import { createHandler as createSweep } from '../../functions/sweep.ts';
import { BOOKINGS_SHAPE } from '../../functions/table/shape.ts';
import { askedQueues, DEAD_LETTERS_URL, TIMERS_URL } from './asked-queues.ts';
import { type Ask, AskedTable } from './asked-table.ts';

/** What a deployment sets. */
export interface Version {
  readonly name: string;
  readonly shardCount: number;
  readonly settings: TimerSettings;
}

/** What a process is to do: plain data, from which its code can be run again and again. */
export type Task =
  | { readonly kind: 'api'; readonly method: 'GET' | 'POST'; readonly path: string; readonly body?: object }
  | { readonly kind: 'schedule-expiry'; readonly records: readonly DynamoDBRecord[] }
  | { readonly kind: 'expire-booking'; readonly messages: readonly SQSRecord[] }
  | { readonly kind: 'sweep'; readonly isDeployment: boolean }
  /** The command `expire-bookings`, with or without `--whole-table`. */
  | { readonly kind: 'command'; readonly wholeTable: boolean };

export interface Spec {
  readonly task: Task;
  readonly version: Version;
  /** How far the clock of its machine is ahead, ms; negative for behind. */
  readonly clockAheadMs: number;
}

/** What a process said or returned at its end. */
export type Outcome =
  | { readonly kind: 'answered'; readonly status: number; readonly json: Readonly<Record<string, unknown>> }
  /** Records or messages that are to come again. */
  | { readonly kind: 'batch done'; readonly failed: readonly string[] }
  | { readonly kind: 'swept'; readonly expired: number; readonly failures: readonly string[] }
  | { readonly kind: 'threw'; readonly reason: string };

/** A Lambda is given time enough: what it does when time runs out is tested elsewhere. */
const REMAINING_MS = 600_000;
const SILENT: Telemetry = {
  count: () => {},
  lag: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  flush: () => {},
};

const unasked = () => Promise.reject(new Error('nobody asks for this'));

/** Runs the real code of a process to its end. Never throws. */
export const runProcess = async (
  { task, version }: Spec,
  clock: () => number,
  ask: Ask,
  isEmptyShard: (shard: number) => boolean,
): Promise<Outcome> => {
  const { shardCount, settings } = version;
  const bookings = new AskedTable(ask, 'bookings', isEmptyShard);
  const sweepState = new AskedTable(ask, 'sweep state', isEmptyShard);
  const sqs = askedQueues(ask);
  const store = new BookingStore(bookings, shardCount);
  const held = new HeldItems(bookings, BOOKINGS_SHAPE);
  const index = new PendingIndex(bookings, BOOKINGS_SHAPE, shardCount);
  const queue = new TimerSender(sqs, TIMERS_URL);
  const deadLetters = new DeadLetters(sqs, DEAD_LETTERS_URL);
  const scheduling = sweepScheduling(queue, sweepState);
  const sweepPorts = { store: held, index, scheduling, clock, isPermanent };
  const shape = BOOKINGS_SHAPE;
  const common = { store: held, queue, deadLetters, clock, telemetry: SILENT, settings, shape, shardCount };
  try {
    switch (task.kind) {
      case 'api': {
        const api = createBookingsApi({
          ...common,
          store,
          index,
          // Nobody in a small world sends a key, deletes, or lists what is over.
          newestFirst: { listOfCustomer: unasked },
          slots: { lookUp: unasked },
          deletion: { delete: unasked },
          idempotency: { claim: unasked, keep: unasked, release: unasked },
          sweepPorts,
          isCronToken: async () => false,
          authorization: { kind: 'iam' },
        });
        const answer = await api.fetch(requestOf(task), { caller: 'a customer', remainingMs: () => REMAINING_MS });
        return { kind: 'answered', status: answer.status, json: (await answer.json()) as Record<string, unknown> };
      }
      case 'schedule-expiry': {
        const { batchItemFailures } = await createSchedule(common)({ Records: [...task.records] });
        return { kind: 'batch done', failed: batchItemFailures.map(({ itemIdentifier }) => itemIdentifier) };
      }
      case 'expire-booking': {
        const waitUntil = async (untilMs: number): Promise<void> => {
          if (clock() < untilMs) await ask({ do: 'wait', untilMs });
        };
        const handle = createExpire({ ...common, waitUntil, timerLeadMs: settings.timerLeadMs });
        const { batchItemFailures } = await handle({ Records: [...task.messages] });
        return { kind: 'batch done', failed: batchItemFailures.map(({ itemIdentifier }) => itemIdentifier) };
      }
      case 'sweep': {
        const notes = new PatrolNotes(sweepState, sqs, DEAD_LETTERS_URL);
        const handle = createSweep({ ...common, ...sweepPorts, notes });
        const { expired } = await handle(
          { isDeployment: task.isDeployment },
          { getRemainingTimeInMillis: () => REMAINING_MS },
        );
        return { kind: 'swept', expired, failures: [] };
      }
      case 'command': {
        const sentAtMs = clock();
        const dateMs = (await ask({ do: 'ask the date' })) as number;
        expectRightClock(differenceOf(new Date(dateMs).toUTCString(), sentAtMs, clock()));
        const request = { overdueAfterMs: 0, settings, mayContinue: () => true };
        const report = await sweep(sweepPorts, request);
        const leftOut = task.wholeTable
          ? await takeInAll({ ...common, table: held, queue: scheduling, isPermanent }, () => true)
          : undefined;
        const errors = [...report.errors, ...(leftOut?.errors ?? [])];
        return {
          kind: 'swept',
          expired: report.expired + (leftOut?.expired ?? 0),
          failures: errors.map(String),
        };
      }
    }
  } catch (error) {
    return { kind: 'threw', reason: String(error) };
  }
};

const requestOf = ({ method, path, body }: Extract<Task, { kind: 'api' }>): Request =>
  new Request(`https://api/api/v1/bookings${path}`, {
    method,
    ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
