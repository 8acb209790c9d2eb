/**
 * Timers arrived, a little early: wait for each deadline, then expire the booking. Whether it expires is decided by the
 * condition of the write alone: duplicate, late and needless timers stop at that condition.
 */
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { isPermanent } from './adapters/permanent-error.ts';
import { COUNTS, type CountName, METRICS } from './contract.ts';
import type { Booking, ExpireOutcome } from './core/booking-status.ts';
import { decideOnTimer, provenBySnapshot, type ScheduledTimer } from './core/expiry-decisions.ts';
import { decodeTimer, type ExpiryTimer, MalformedTimerError } from './core/expiry-timer.ts';
import { SAME_MOMENT_MS } from './core/hold-time.ts';
import { decideOnNotice } from './core/notices.ts';
import type { BookingExpirer, Clock, DeadLetterBox, TimerTransport } from './core/ports.ts';
import { type NoticePorts, publishNotices } from './publish-notices.ts';
import { failedMessages } from './runtime/batch.ts';
import type { WaitUntil } from './runtime/clock.ts';
import type { Telemetry } from './runtime/telemetry.ts';
import { keyOfText } from './table/key-text.ts';
import type { TableShape } from './table/shape.ts';

/** Longest pause before a failed timer is tried again: no longer than the queue's visibility timeout. */
const MAX_RETRY_SECONDS = 60;

/** Bookings whose timers have come. */
export interface TimedBookings extends BookingExpirer {
  /**
   * What these bookings are now, read consistently: an older view could show another booking that had the same id before,
   * or a settled one that has been set back to PENDING since. A booking that is left out was not found or not read in time;
   * either way nothing is known of it.
   */
  glimpse(bookingIds: readonly string[]): Promise<Map<string, Booking>>;
}

/** The queue that the timers came from. */
export interface SourceQueue extends TimerTransport {
  /**
   * Lets failed messages come back sooner than the visibility timeout. Only a convenience: if it fails, they come then.
   *
   * @param retries each message's receipt handle and the seconds until it is visible again, 0 to 43,200
   */
  retryIn(retries: readonly { readonly receiptHandle: string; readonly seconds: number }[]): Promise<void>;
}

export interface ExpireBookingPorts {
  readonly store: TimedBookings;
  readonly queue: SourceQueue;
  readonly deadLetters: DeadLetterBox;
  readonly clock: Clock;
  readonly waitUntil: WaitUntil;
  readonly telemetry: Telemetry;
  readonly timerLeadMs: number;
  /** Deadlines this close together, in ms, are written in one round trip, at the last of them. @default SAME_MOMENT_MS */
  readonly sameMomentMs?: number;
  /** What notices need beside that. @default - there are none: timers of notices are done when they come */
  readonly notices?: Omit<NoticePorts, 'clock' | 'telemetry'> | undefined;
  /** What the table looks like. */
  readonly shape: TableShape;
}

/** The messages of a batch that are the same timer: duplicates share its outcome. */
interface Target {
  readonly timer: ExpiryTimer;
  readonly messages: SQSRecord[];
}

/** A message that can never be processed, and why. */
interface UnprocessableMessage {
  readonly message: SQSRecord;
  readonly reason: string;
}

interface SortedBatch {
  readonly targets: readonly Target[];
  readonly notices: readonly Target[];
  readonly malformed: readonly UnprocessableMessage[];
  readonly tooEarly: readonly { readonly scheduled: ScheduledTimer; readonly message: SQSRecord }[];
}

type TargetOutcome = readonly [Target, ExpireOutcome];

export const createHandler =
  (ports: ExpireBookingPorts) =>
  async (event: SQSEvent): Promise<SQSBatchResponse> => {
    const { targets, notices, malformed, tooEarly } = sortOut(event.Records, ports);
    const [outcomes, notSentAgain, unnoticed] = await Promise.all([
      expireEachAtItsDeadline(targets, ports),
      sendAgain(tooEarly, ports),
      ports.notices ? publishNotices(notices, { ...ports, ...ports.notices }) : [],
    ]);
    const notExpired = outcomes.flatMap(([{ messages }, outcome]) =>
      outcome.kind === 'failed' ? messages.map((message) => ({ message, error: outcome.error })) : [],
    );
    const notDone = [...notSentAgain, ...unnoticed, ...notExpired];
    const unprocessable = notDone.filter(({ error }) => isPermanent(error));
    const failed = notDone.filter(({ error }) => !isPermanent(error));
    logOutcomes(outcomes, malformed.length, unprocessable.length, failed.length, ports.telemetry);

    const dead = [...malformed, ...unprocessable.map(({ message, error }) => ({ message, reason: String(error) }))];
    const notTaken = await putIntoDeadLetters(dead, ports);
    await retrySoon(
      notTaken,
      failed.map(({ message }) => message),
      ports,
    );
    return failedMessages([...notTaken, ...failed.map(({ message }) => message)]);
  };

const sortOut = (
  records: readonly SQSRecord[],
  { clock, telemetry, timerLeadMs, notices: noticePorts, shape }: ExpireBookingPorts,
): SortedBatch => {
  const targets = new Map<string, Target>();
  const notices = new Map<string, Target>();
  const malformed: UnprocessableMessage[] = [];
  const tooEarly: SortedBatch['tooEarly'][number][] = [];
  for (const message of records) {
    try {
      const timer = decodeTimer(message.body);
      if (keyOfText(shape, timer.bookingId) === undefined) {
        throw new MalformedTimerError(
          `timer bookingId must be the key of an item, got ${timer.bookingId.slice(0, 100)}`,
        );
      }
      const isNotice = timer.kind === 'notice';
      const decision = isNotice
        ? decideOnNotice(timer, clock(), noticePorts?.noticeBeforeMs)
        : decideOnTimer(timer, clock(), timerLeadMs);
      const sameTimer = JSON.stringify([timer.bookingId, timer.expiresAtMs]);
      const due = isNotice ? notices : targets;
      if (decision.kind === 'send-again') tooEarly.push({ scheduled: decision.scheduled, message });
      else if (decision.kind === 'not-needed') telemetry.count(COUNTS.noticesNotNeeded);
      else if (due.has(sameTimer)) due.get(sameTimer)?.messages.push(message);
      else due.set(sameTimer, { timer, messages: [message] });
    } catch (error) {
      if (!(error instanceof MalformedTimerError)) throw error;
      malformed.push({ message, reason: error.message });
      telemetry.error('message is no timer: it goes to the dead-letter queue', {
        messageId: message.messageId,
        reason: error.message,
      });
    }
  }
  return { targets: [...targets.values()], notices: [...notices.values()], malformed, tooEarly };
};

const expireEachAtItsDeadline = async (
  targets: readonly Target[],
  { store, clock, waitUntil, telemetry, sameMomentMs = SAME_MOMENT_MS }: ExpireBookingPorts,
): Promise<TargetOutcome[]> => {
  let glimpsed = new Map<string, Booking>();
  const waiting = new Set(
    targets.filter(({ timer }) => timer.expiresAtMs > clock()).map(({ timer }) => timer.bookingId),
  );
  if (waiting.size > 0) {
    // A read made while waiting may prove that there is nothing to do, for a tenth of the price of a refused write.
    // It is never awaited: an answer that comes after the deadline is not worth being late for.
    store.glimpse([...waiting]).then(
      (snapshots) => {
        glimpsed = snapshots;
      },
      (error) => telemetry.warn('bookings not read while waiting: the write decides', { error }),
    );
  }
  const outcomesByMoment = await Promise.all(
    sameMoments(targets, sameMomentMs).map(async (group) => {
      const dueAtMs = group.at(-1)?.timer.expiresAtMs ?? 0;
      await waitUntil(dueAtMs);
      const proven = new Map(
        group.map((target) => [target, provenBySnapshot(target.timer, glimpsed.get(target.timer.bookingId))]),
      );
      const undecided = group.filter((target) => proven.get(target) === undefined);
      const written = await expireWhenDue(undecided, dueAtMs, { store, clock, waitUntil });
      return group.map((target): TargetOutcome => {
        const outcome = proven.get(target) ?? written.get(target);
        return [target, outcome ?? { kind: 'failed', error: new Error('the store gave no outcome') }];
      });
    }),
  );
  return outcomesByMoment.flat();
};

/** How often a booking is tried whose deadline is the timer's, and yet was not reached by the clock at the write. */
const CLOCK_TRIES = 3;

/**
 * Expires bookings whose deadlines have been waited for. A clock may step back between the wait and the write: then the
 * condition refuses, rightly, and the deadline is waited for again.
 */
const expireWhenDue = async (
  targets: readonly Target[],
  dueAtMs: number,
  { store, clock, waitUntil }: Pick<ExpireBookingPorts, 'store' | 'clock' | 'waitUntil'>,
): Promise<Map<Target, ExpireOutcome>> => {
  const outcomes = new Map<Target, ExpireOutcome>();
  let left = targets;
  for (let tries = 0; tries < CLOCK_TRIES && left.length > 0; tries += 1) {
    if (tries > 0) await waitUntil(dueAtMs);
    const written = await store.expire([...new Set(left.map(({ timer }) => timer.bookingId))], 'timer', clock());
    const isTooEarly = ({ timer }: Target): boolean => {
      const outcome = written.get(timer.bookingId);
      return outcome?.kind === 'extended' && outcome.expiresAtMs <= timer.expiresAtMs;
    };
    for (const target of left) {
      const outcome = written.get(target.timer.bookingId);
      if (outcome && !isTooEarly(target)) outcomes.set(target, outcome);
    }
    left = left.filter(isTooEarly);
  }
  for (const target of left) outcomes.set(target, { kind: 'failed', error: new Error('the clock steps back') });
  return outcomes;
};

const sendAgain = async (
  tooEarly: SortedBatch['tooEarly'],
  { queue, telemetry }: ExpireBookingPorts,
): Promise<{ readonly message: SQSRecord; readonly error: Error }[]> => {
  if (tooEarly.length === 0) return [];
  const unsent = await queue.send(tooEarly.map(({ scheduled }) => scheduled));
  const errors = new Map(unsent.map(({ scheduled, error }) => [scheduled, error]));
  if (tooEarly.length > errors.size) telemetry.count(COUNTS.sentAgain, tooEarly.length - errors.size);
  return tooEarly.flatMap(({ scheduled, message }) => {
    const error = errors.get(scheduled);
    return error ? [{ message, error }] : [];
  });
};

const logOutcomes = (
  outcomes: readonly TargetOutcome[],
  malformed: number,
  unprocessable: number,
  failed: number,
  telemetry: Telemetry,
): void => {
  const logged = outcomes.map(([{ timer, messages }, outcome]) => {
    const { bookingId } = timer;
    const lagMs = outcome.kind === 'expired' ? outcome.expiredAtMs - timer.expiresAtMs : undefined;
    if (lagMs !== undefined) telemetry.lag(lagMs);
    if (outcome.kind === 'failed') telemetry.error('booking not expired', { bookingId, error: outcome.error });
    else telemetry.count(METRIC_OF[outcome.kind]);
    if (messages.length > 1) telemetry.count(COUNTS.duplicateTimers, messages.length - 1);
    return { bookingId, outcome: outcome.kind, ...(lagMs !== undefined && { lagMs }) };
  });
  if (logged.length > 0) telemetry.info('timers done', { outcomes: logged });
  if (malformed > 0) telemetry.count(COUNTS.malformed, malformed);
  if (unprocessable > 0) telemetry.count(METRICS.unprocessable, unprocessable);
  if (failed > 0) telemetry.count(COUNTS.failed, failed);
  telemetry.flush();
};

/** Puts messages into the dead-letter queue as they came, each with its reason. Returns those that it did not take. */
const putIntoDeadLetters = async (
  dead: readonly UnprocessableMessage[],
  { deadLetters }: ExpireBookingPorts,
): Promise<SQSRecord[]> => {
  if (dead.length === 0) return [];
  const untaken = await deadLetters.put(dead.map(({ message, reason }) => ({ message, body: message.body, reason })));
  return untaken.map(({ message }) => message);
};

/**
 * Without this a failed message would come back only after the visibility timeout. One that the dead-letter queue did not
 * take comes back at once, and SQS itself moves it there in the end; others back off, twice as long each time.
 */
const retrySoon = async (
  notTaken: readonly SQSRecord[],
  failed: readonly SQSRecord[],
  { queue }: ExpireBookingPorts,
): Promise<void> => {
  const atOnce = notTaken.map(({ receiptHandle }) => ({ receiptHandle, seconds: 0 }));
  const later = failed.map(({ receiptHandle, attributes }) => {
    const receives = Number(attributes.ApproximateReceiveCount);
    return { receiptHandle, seconds: Math.min(MAX_RETRY_SECONDS, 2 ** (receives - 1)) };
  });
  if (atOnce.length + later.length > 0) await queue.retryIn([...atOnce, ...later]);
};

const METRIC_OF: Record<Exclude<ExpireOutcome['kind'], 'failed'>, CountName> = {
  expired: METRICS.expiredByTimer,
  settled: COUNTS.settledInTime,
  'already-expired': COUNTS.alreadyExpired,
  extended: COUNTS.extended,
  missing: COUNTS.missing,
  'no-booking': COUNTS.missing,
  'invalid-deadline': METRICS.invalidDeadline,
  refused: COUNTS.refused,
};

/** Targets by deadline, in groups that span at most `sameMomentMs` each. */
export const sameMoments = <T extends { readonly timer: ExpiryTimer }>(
  targets: readonly T[],
  sameMomentMs: number,
): T[][] => {
  const groups: T[][] = [];
  for (const target of targets.toSorted((a, b) => a.timer.expiresAtMs - b.timer.expiresAtMs)) {
    const group = groups.at(-1);
    const first = group?.[0];
    if (group && first && target.timer.expiresAtMs - first.timer.expiresAtMs <= sameMomentMs) group.push(target);
    else groups.push([target]);
  }
  return groups;
};
