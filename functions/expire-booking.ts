/**
 * Timers arrived, a little early: wait for each deadline, then expire the booking. Whether it expires is decided by the
 * condition of the write alone; whatever comes twice, late or for nothing ends there.
 */
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import type { BookingStore } from './adapters/booking-store.ts';
import type { TimerQueue } from './adapters/timer-queue.ts';
import { METRICS, type MetricName } from './contract.ts';
import type { BookingSnapshot, ExpireOutcome } from './core/booking-status.ts';
import { decideOnTimer, provenBySnapshot, type ScheduledTimer } from './core/expiry-decisions.ts';
import { decodeTimer, type ExpiryTimer, MalformedTimerError } from './core/expiry-timer.ts';
import { failedMessages } from './runtime/batch.ts';
import type { Clock, WaitUntil } from './runtime/clock.ts';
import type { Telemetry } from './runtime/telemetry.ts';

/**
 * Deadlines this close together are written in one round trip, at the last of them. It adds at most this much to a lag
 * and saves a request per booking where deadlines coincide; docs/architecture.md has the measurements.
 */
export const SAME_MOMENT_MS = 5;

/** Longest pause before a failed timer is tried again: no longer than the queue's visibility timeout. */
const MAX_RETRY_SECONDS = 60;

export interface ExpireBookingPorts {
  readonly store: Pick<BookingStore, 'glimpse' | 'expire'>;
  readonly queue: Pick<TimerQueue, 'send' | 'retryIn'>;
  readonly clock: Clock;
  readonly waitUntil: WaitUntil;
  readonly telemetry: Telemetry;
  readonly timerLeadMs: number;
}

/** The messages of a batch that are the same timer: duplicates share its outcome. */
interface Target {
  readonly timer: ExpiryTimer;
  readonly messages: SQSRecord[];
}

interface SortedBatch {
  readonly targets: readonly Target[];
  readonly malformed: readonly SQSRecord[];
  readonly tooEarly: readonly { readonly scheduled: ScheduledTimer; readonly message: SQSRecord }[];
}

type TargetOutcome = readonly [Target, ExpireOutcome];

export const createHandler =
  (ports: ExpireBookingPorts) =>
  async (event: SQSEvent): Promise<SQSBatchResponse> => {
    const { targets, malformed, tooEarly } = sortOut(event.Records, ports);
    const [outcomes, notSentAgain] = await Promise.all([
      expireEachAtItsDeadline(targets, ports),
      sendAgain(tooEarly, ports),
    ]);
    const notExpired = outcomes.flatMap(([{ messages }, outcome]) => (outcome.kind === 'failed' ? messages : []));
    const failed = [...notSentAgain, ...notExpired];
    tell(outcomes, malformed.length, failed.length, ports.telemetry);
    await retrySoon(malformed, failed, ports);
    return failedMessages([...malformed, ...failed]);
  };

const sortOut = (records: readonly SQSRecord[], { clock, telemetry, timerLeadMs }: ExpireBookingPorts): SortedBatch => {
  const targets = new Map<string, Target>();
  const malformed: SQSRecord[] = [];
  const tooEarly: SortedBatch['tooEarly'][number][] = [];
  for (const message of records) {
    try {
      const timer = decodeTimer(message.body);
      const decision = decideOnTimer(timer, clock(), timerLeadMs);
      const sameTimer = JSON.stringify([timer.bookingId, timer.expiresAtMs]);
      if (decision.kind === 'send-again') tooEarly.push({ scheduled: decision.scheduled, message });
      else if (targets.has(sameTimer)) targets.get(sameTimer)?.messages.push(message);
      else targets.set(sameTimer, { timer, messages: [message] });
    } catch (error) {
      if (!(error instanceof MalformedTimerError)) throw error;
      malformed.push(message);
      telemetry.error('message is no timer: it goes to the dead-letter queue', {
        messageId: message.messageId,
        reason: error.message,
      });
    }
  }
  return { targets: [...targets.values()], malformed, tooEarly };
};

const expireEachAtItsDeadline = async (
  targets: readonly Target[],
  { store, clock, waitUntil, telemetry }: ExpireBookingPorts,
): Promise<TargetOutcome[]> => {
  let glimpsed = new Map<string, BookingSnapshot>();
  const waiting = new Set(
    targets.filter(({ timer }) => timer.expiresAtMs > clock()).map(({ timer }) => timer.bookingId),
  );
  if (waiting.size > 0) {
    // A read made while waiting may prove that nothing is to do, for a tenth of the price of a refused write.
    // It is never awaited: an answer that comes after the deadline is not worth being late for.
    store.glimpse([...waiting]).then(
      (snapshots) => {
        glimpsed = snapshots;
      },
      (error) => telemetry.warn('bookings not read while waiting: the write decides', { error }),
    );
  }
  const outcomesByMoment = await Promise.all(
    sameMoments(targets).map(async (group) => {
      await waitUntil(group.at(-1)?.timer.expiresAtMs ?? 0);
      const proven = new Map(
        group.map((target) => [target, provenBySnapshot(target.timer, glimpsed.get(target.timer.bookingId))]),
      );
      const undecided = group.filter((target) => proven.get(target) === undefined);
      const bookingIds = new Set(undecided.map(({ timer }) => timer.bookingId));
      const written =
        bookingIds.size > 0 ? await store.expire([...bookingIds], 'timer', clock()) : new Map<string, ExpireOutcome>();
      return group.map((target): TargetOutcome => {
        const outcome = proven.get(target) ?? written.get(target.timer.bookingId);
        return [target, outcome ?? { kind: 'failed', error: new Error('the store gave no outcome') }];
      });
    }),
  );
  return outcomesByMoment.flat();
};

const sendAgain = async (
  tooEarly: SortedBatch['tooEarly'],
  { queue, telemetry }: ExpireBookingPorts,
): Promise<SQSRecord[]> => {
  if (tooEarly.length === 0) return [];
  const unsent = new Set((await queue.send(tooEarly.map((each) => each.scheduled))).map((each) => each.scheduled));
  if (tooEarly.length > unsent.size) telemetry.count(METRICS.sentAgain, tooEarly.length - unsent.size);
  return tooEarly.filter(({ scheduled }) => unsent.has(scheduled)).map(({ message }) => message);
};

const tell = (outcomes: readonly TargetOutcome[], malformed: number, failed: number, telemetry: Telemetry): void => {
  const told = outcomes.map(([{ timer, messages }, outcome]) => {
    const { bookingId } = timer;
    const lagMs = outcome.kind === 'expired' ? outcome.expiredAtMs - timer.expiresAtMs : undefined;
    if (lagMs !== undefined) telemetry.lag(lagMs);
    if (outcome.kind === 'failed') telemetry.error('booking not expired', { bookingId, error: outcome.error });
    else telemetry.count(METRIC_OF[outcome.kind]);
    if (messages.length > 1) telemetry.count(METRICS.alreadyExpired, messages.length - 1);
    return { bookingId, outcome: outcome.kind, ...(lagMs !== undefined && { lagMs }) };
  });
  if (told.length > 0) telemetry.info('timers done', { outcomes: told });
  if (malformed > 0) telemetry.count(METRICS.malformed, malformed);
  if (failed > 0) telemetry.count(METRICS.failed, failed);
  telemetry.flush();
};

/**
 * Without this a failed message would come back only after the visibility timeout. A malformed one never gets better,
 * so it uses up its receives at once and reaches the dead-letter queue; others back off, twice as long each time.
 */
const retrySoon = async (
  malformed: readonly SQSRecord[],
  failed: readonly SQSRecord[],
  { queue }: ExpireBookingPorts,
): Promise<void> => {
  const atOnce = malformed.map(({ receiptHandle }) => ({ receiptHandle, seconds: 0 }));
  const later = failed.map(({ receiptHandle, attributes }) => {
    const receives = Number(attributes.ApproximateReceiveCount);
    return { receiptHandle, seconds: Math.min(MAX_RETRY_SECONDS, 2 ** (receives - 1)) };
  });
  if (atOnce.length + later.length > 0) await queue.retryIn([...atOnce, ...later]);
};

const METRIC_OF: Record<Exclude<ExpireOutcome['kind'], 'failed'>, MetricName> = {
  expired: METRICS.expiredByTimer,
  settled: METRICS.settledInTime,
  'already-expired': METRICS.alreadyExpired,
  extended: METRICS.extended,
  missing: METRICS.missing,
  'invalid-deadline': METRICS.invalidDeadline,
  refused: METRICS.settledInTime,
};

/** Targets by deadline, in groups that span at most SAME_MOMENT_MS each. */
export const sameMoments = <T extends { readonly timer: ExpiryTimer }>(targets: readonly T[]): T[][] => {
  const groups: T[][] = [];
  for (const target of targets.toSorted((a, b) => a.timer.expiresAtMs - b.timer.expiresAtMs)) {
    const group = groups.at(-1);
    const first = group?.[0];
    if (group && first && target.timer.expiresAtMs - first.timer.expiresAtMs <= SAME_MOMENT_MS) group.push(target);
    else groups.push([target]);
  }
  return groups;
};
