/** Whether the promises were kept: judged by what the bookings are in the end and what their customers were answered. */
import type { Booking, MoveOutcome } from '../functions/core/booking-status.ts';
import { lagHistogram, percentile } from '../measure/lag-report.ts';

export interface Evidence {
  readonly nowMs: number;
  /** Bookings that were written with a usable deadline. */
  readonly bookingIds: readonly string[];
  /** What they are now, by id. */
  readonly found: ReadonlyMap<string, Booking>;
  /** What was answered to each customer who paid, cancelled or extended, by id. */
  readonly answers: ReadonlyMap<string, MoveOutcome>;
  /** Bookings that a read after their deadline did not report as EXPIRED. */
  readonly misreported: readonly string[];
  /** Bookings without a usable deadline: nobody may touch them. */
  readonly nonsense: readonly (Booking | undefined)[];
  readonly deadLetters: number;
  readonly timersLost: number;
  readonly malformedSent: number;
}

/** Counts of what must not happen. */
export interface Violations {
  readonly early: number;
  readonly missed: number;
  readonly lost: number;
  readonly paidButExpired: number;
  readonly paidTooLateButConfirmed: number;
  readonly readAsPendingAfterTheDeadline: number;
  readonly expiredWithoutADeadline: number;
  readonly malformedNotInTheDeadLetterQueue: number;
}

export const judge = (evidence: Evidence) => {
  const { nowMs, bookingIds, found, answers, nonsense, deadLetters, timersLost, malformedSent } = evidence;
  const bookings = [...found.values()];
  const lagsMs = (by: string): number[] =>
    bookings.flatMap(({ status, expiredBy, expiredAtMs = Number.NaN, expiresAtMs = Number.NaN }) =>
      status === 'EXPIRED' && expiredBy === by ? [expiredAtMs - expiresAtMs] : [],
    );
  const byTimer = lagsMs('timer');
  const bySweep = lagsMs('sweep');
  const byRequest = lagsMs('read');
  const answeredConfirmed = bookingIds.filter((id) => {
    const answer = answers.get(id);
    return answer?.kind === 'moved' && answer.booking.status === 'CONFIRMED';
  });
  const violations: Violations = {
    // A lag that is no number counts too: an expiry that does not say when.
    early: [...byTimer, ...bySweep, ...byRequest].filter((lagMs) => !(lagMs >= 0)).length,
    missed: bookings.filter(({ status, expiresAtMs = 0 }) => status === 'PENDING' && expiresAtMs <= nowMs).length,
    lost: bookingIds.filter((id) => !found.has(id)).length,
    paidButExpired: answeredConfirmed.filter((id) => found.get(id)?.status !== 'CONFIRMED').length,
    paidTooLateButConfirmed: bookings.filter(
      ({ confirmedAtMs, expiresAtMs = 0 }) => confirmedAtMs !== undefined && confirmedAtMs >= expiresAtMs,
    ).length,
    readAsPendingAfterTheDeadline: evidence.misreported.length,
    expiredWithoutADeadline: nonsense.filter((booking) => booking?.status !== 'PENDING').length,
    malformedNotInTheDeadLetterQueue: Math.max(0, malformedSent - deadLetters),
  };
  return {
    bookings: bookingIds.length,
    expiredByTimer: byTimer.length,
    expiredBySweep: bySweep.length,
    expiredByRequest: byRequest.length,
    confirmed: answeredConfirmed.length,
    refused: [...answers.values()].filter(({ kind }) => kind === 'refused').length,
    cancelled: bookings.filter(({ status }) => status === 'CANCELLED').length,
    timersLost,
    deadLetters,
    malformedSent,
    timerLagMs: { p50: percentile(byTimer, 0.5), p99: percentile(byTimer, 0.99), max: percentile(byTimer, 1) },
    timerLagsMs: byTimer,
    violations,
    kept: Object.values(violations).every((count) => count === 0),
  };
};

/** The verdict for people. */
export const verdictText = (verdict: ReturnType<typeof judge>): string => {
  const { violations, timerLagMs: lag } = verdict;
  const promises: [name: string, count: number][] = [
    ['early', violations.early],
    ['missed', violations.missed + violations.lost],
    ['paid but expired', violations.paidButExpired],
    ['paid too late but confirmed', violations.paidTooLateButConfirmed],
    ['read as PENDING after the deadline', violations.readAsPendingAfterTheDeadline],
    ['expired without a usable deadline', violations.expiredWithoutADeadline],
    ['malformed timers missing in the dead-letter queue', violations.malformedNotInTheDeadLetterQueue],
  ];
  return `
  expired by timer     ${verdict.expiredByTimer}   lag p50 ${lag.p50} ms, p99 ${lag.p99} ms, max ${lag.max} ms
  expired by sweep     ${verdict.expiredBySweep}   (${verdict.timersLost} timers were lost on purpose)
  expired by a request ${verdict.expiredByRequest}   (it came too late, and before the timer)
  confirmed            ${verdict.confirmed}   ${verdict.refused} requests came too late and were refused
  cancelled            ${verdict.cancelled}
  dead letters         ${verdict.deadLetters}   (${verdict.malformedSent} malformed timers were sent)

  lag of the timers
${lagHistogram(verdict.timerLagsMs).join('\n')}

${promises.map(([name, count]) => `  ${count === 0 ? '✓' : '✗'} ${name} = ${count}`).join('\n')}
`;
};
