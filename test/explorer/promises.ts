/** What must hold after every step of every schedule. What a booking must be is said by the histories' model. */
import type { Booking } from '../../functions/core/booking-status.ts';
import { SECOND_MS } from '../../functions/core/hold-time.ts';
import { effective, type ModelBooking, type ModelMove, moved } from '../histories/model.ts';
import type { Outcome, Task } from './processes.ts';

/** The promises of docs/guarantees.md, as far as a small world can break them. */
export type PromiseName =
  | 'never early'
  | 'never wrong'
  | 'on time'
  | 'never lost'
  | 'reads stay true'
  | 'told what was committed';

/** Thrown when a promise does not hold. */
export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise';
  readonly promise: PromiseName;

  constructor(promise: PromiseName, message: string) {
    super(message);
    this.promise = promise;
  }
}

const expectPromise = (promise: PromiseName, holds: boolean, broken: () => string): void => {
  if (!holds) throw new BrokenPromise(promise, broken());
};

/** Who changed a booking: a process of the service, or a program of a stranger. */
export interface Changer {
  readonly kind: Task['kind'] | 'a program';
  readonly clockAheadMs: number;
  /** For a request that arrived late: whether its caller has been answered. */
  readonly wasAnswered?: boolean;
}

/** What is known of a booking beside what is stored. */
export interface Ledger {
  /** Its deadline while it is PENDING and has one that is acted on. */
  readonly deadlineMs: number | undefined;
  /** When it was given this deadline. */
  readonly sinceMs: number;
  /** Whether a fault befell its own way to the deadline, so that the sweep may be the first to expire it. */
  readonly isExcused: boolean;
  /** Sweeps without any fault that began when it was overdue, and left it PENDING because it is in no index. */
  readonly missedBySweeps: number;
  /** Whether somebody was told that it is EXPIRED. */
  readonly wasToldExpired: boolean;
}

/** How late a booking may be expired to which nothing happened: no round trip takes any time here. */
export const ON_TIME_MS = SECOND_MS;
/** What a scheduled sweep leaves alone: as guarantees.md says, and not as the code does. */
export const OVERDUE_AFTER_MS = 30 * SECOND_MS;
/** A command compares its clock with the engine's, whose answers are dated by whole seconds, and takes a second off. */
const COMMAND_TOLERANCE_MS = 2 * SECOND_MS;

/** How early somebody may expire a booking by the true clock, as guarantees.md says. */
const allowedEarlyMs = ({ kind, clockAheadMs }: Changer): number => {
  const aheadMs = Math.max(0, clockAheadMs);
  if (kind === 'sweep') return Math.max(0, aheadMs - OVERDUE_AFTER_MS);
  return kind === 'command' ? Math.min(aheadMs, COMMAND_TOLERANCE_MS) : aheadMs;
};

const MAY_BECOME: Readonly<Record<string, readonly string[]>> = {
  PENDING: ['PENDING', 'CONFIRMED', 'CANCELLED', 'EXPIRED'],
  CONFIRMED: ['CONFIRMED', 'CANCELLED'],
  CANCELLED: ['CANCELLED'],
  EXPIRED: ['EXPIRED'],
};

/** A booking has changed from one to the other, just now. */
export const expectAllowedChange = (
  before: Booking,
  after: Booking,
  ledger: Ledger | undefined,
  by: Changer,
  nowMs: number,
): void => {
  const { bookingId: id, expiresAtMs = 0 } = before;
  const change = `${id} went from ${before.status} to ${after.status}`;
  expectPromise('never wrong', MAY_BECOME[before.status]?.includes(after.status) ?? false, () => change);
  if (before.status !== 'PENDING') return;
  if (after.status === 'EXPIRED') {
    const earlyMs = expiresAtMs - nowMs;
    expectPromise('never early', earlyMs <= allowedEarlyMs(by), () => `${id} was expired ${earlyMs} ms early`);
    return;
  }
  if (after.status === 'CONFIRMED') {
    const { confirmedAtMs = 0 } = after;
    const isInTime = by.kind === 'a program' || confirmedAtMs < expiresAtMs;
    expectPromise(
      'never wrong',
      isInTime,
      () => `${id} was confirmed at its deadline or later, by the clock that confirmed`,
    );
  }
  const isHeldOn = after.status === 'PENDING' && after.expiresAtMs === before.expiresAtMs;
  expectPromise(
    'reads stay true',
    !ledger?.wasToldExpired || isHeldOn,
    () => `${change} after somebody was told EXPIRED`,
  );
};

/** A request that arrived late has changed a booking. */
export const expectNoChangeAfterAnswer = (id: string, by: Changer): void => {
  expectPromise(
    'told what was committed',
    by.wasAnswered !== true,
    () => `${id} was changed by a request that arrived late, after its caller had been answered`,
  );
};

/** Time goes on past a booking's deadline. */
export const expectOnTime = (id: string, { deadlineMs, sinceMs, isExcused }: Ledger, nowMs: number): void => {
  if (deadlineMs === undefined || isExcused) return;
  const lateMs = nowMs - Math.max(deadlineMs, sinceMs);
  expectPromise(
    'on time',
    lateMs <= ON_TIME_MS,
    () => `${id} is still PENDING after its deadline, and no fault befell it`,
  );
};

/** What a customer asked for, and every state that the booking had from the call to the answer. */
export interface Call {
  readonly id: string;
  readonly move: ModelMove | { readonly kind: 'read'; readonly nowMs: number };
  readonly states: readonly (ModelBooking | undefined)[];
}

/**
 * A customer was answered.
 *
 * @param answeredAtMs by the clock of whoever answered
 * @returns the status that the customer was told, if any
 */
export const expectTrueAnswer = (
  { id, move, states }: Call,
  outcome: Extract<Outcome, { kind: 'answered' }>,
  answeredAtMs: number,
): string | undefined => {
  const { status, json } = outcome;
  if (status >= 500) return undefined;
  const wasTrue = (holds: (state: ModelBooking | undefined) => boolean): boolean => states.some(holds);
  const asked = `${move.kind} of ${id} was answered with ${status} ${json.found ?? json.status ?? ''}`.trim();
  const expectTrue = (holds: boolean): void =>
    expectPromise('told what was committed', holds, () => `${asked}, which it never was between call and answer`);
  if (status === 404) {
    expectTrue(wasTrue((state) => state === undefined));
    return undefined;
  }
  const answerOf = (state: ModelBooking | undefined) => (move.kind === 'read' ? 'done' : moved(state, move)[0]);
  if (status === 409 && json.found !== undefined) {
    const found = String(json.found);
    expectTrue(wasTrue((state) => answerOf(state) === 'refused' && effective(state, move.nowMs) === found));
    return found;
  }
  if (status !== 200 && status !== 201) return undefined;
  const told = String(json.status);
  const deadlineMs = Date.parse(String(json.expiresAt));
  expectTrue(
    wasTrue((state) => {
      const isSo = [move.nowMs, answeredAtMs].some((nowMs) => effective(state, nowMs) === told);
      return isSo && state?.expiresAtMs === deadlineMs;
    }),
  );
  const mayBeDone = move.kind === 'read' || wasTrue((state) => ['done', 'unchanged'].includes(answerOf(state)));
  expectTrue(mayBeDone);
  return told;
};

/** What a sweep or command must expire, as it was when it began. */
export interface Overdue {
  readonly id: string;
  readonly deadlineMs: number;
  readonly isIndexed: boolean;
}

/** Sweeps that may pass by a booking that is in no index: each reads one page of the table. */
const PATROLS = 3;

/** A sweep without any fault has ended, and has left a booking PENDING. @returns how many have by now */
export const expectFoundBySweep = ({ id, isIndexed }: Overdue, { missedBySweeps }: Ledger): number => {
  const missed = missedBySweeps + 1;
  expectPromise(
    'never lost',
    !isIndexed && missed < PATROLS,
    () => `${id} is overdue, and ${missed === 1 ? 'a whole sweep has' : `${missed} whole sweeps have`} left it PENDING`,
  );
  return missed;
};

/** A sweep has said how many bookings it expired. */
export const expectTrueCount = (
  counted: number,
  { least, most }: { readonly least: number; readonly most: number },
): void => {
  expectPromise(
    'told what was committed',
    counted >= least && counted <= most,
    () =>
      `a sweep said that it expired ${counted} booking(s), and expired ${least === most ? most : `${least} to ${most}`}`,
  );
};

/** The faults have stopped and sweeps have run. */
export const expectNothingLost = (id: string, booking: Booking): void => {
  const isLost = booking.status === 'PENDING' && booking.expiresAtMs !== undefined;
  expectPromise('never lost', !isLost, () => `${id} is still PENDING after the faults stopped and sweeps ran`);
};
