import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decideOnWrite } from '../../functions/core/expiry-decisions.ts';
import { decodeTimer, encodeTimer, MalformedTimerError } from '../../functions/core/expiry-timer.ts';
import { MINUTE_MS, SECOND_MS } from '../../functions/core/hold-time.ts';
import {
  decideOnNotice,
  isToBeNoticed,
  noticeDelaySeconds,
  noticeOnSweep,
  noticeOnWrite,
} from '../../functions/core/notices.ts';

const NOW = 1_790_000_000_000;
const HOUR_MS = 60 * MINUTE_MS;
const NOTICE_MS = 2 * MINUTE_MS;
const settings = { timerLeadMs: SECOND_MS, sweepIntervalMs: 5 * MINUTE_MS, noticeBeforeMs: NOTICE_MS };
/** @param startedAgoMs null where it does not say when it started */
const hold = (inMs: number, startedAgoMs: number | null = 0) => ({
  bookingId: 'seat',
  expiresAtMs: NOW + inMs,
  ...(startedAgoMs !== null && { holdStartedAtMs: NOW - startedAgoMs }),
});
const timer = (inMs: number) => ({ bookingId: 'seat', expiresAtMs: NOW + inMs, kind: 'notice' }) as const;

describe('a hold that was written', () => {
  test.each([
    ['twice as long as the notice', 2 * NOTICE_MS, 120],
    ['a millisecond shorter', 2 * NOTICE_MS - 1, undefined],
    ['of 15 minutes', 15 * MINUTE_MS, 780],
    ['whose notice is as far as one delay reaches', 15 * MINUTE_MS + NOTICE_MS, 900],
    ['whose notice is further away', 15 * MINUTE_MS + NOTICE_MS + 1, undefined],
    ['of a day', 24 * HOUR_MS, undefined],
  ])('%s gets its notice then or not', (_, holdMs, delaySeconds) => {
    const notice = noticeOnWrite(hold(holdMs), NOW, settings);
    expect(notice).toEqual(delaySeconds === undefined ? undefined : { timer: timer(holdMs), delaySeconds });
  });

  test('whose record comes late gets its notice at once, unless its deadline has passed', () => {
    expect(noticeOnWrite(hold(MINUTE_MS, HOUR_MS), NOW, settings)?.delaySeconds).toBe(0);
    expect(noticeOnWrite(hold(0, HOUR_MS), NOW, settings)).toBeUndefined();
  });

  test('that does not say when it started has started when it was seen', () => {
    expect(noticeOnWrite(hold(2 * NOTICE_MS, null), NOW, settings)).toBeDefined();
    expect(noticeOnWrite(hold(2 * NOTICE_MS - 1, null), NOW, settings)).toBeUndefined();
  });

  test('gets none where there are no notices', () => {
    const { noticeBeforeMs: _, ...without } = settings;
    expect(noticeOnWrite(hold(15 * MINUTE_MS), NOW, without)).toBeUndefined();
  });

  test('gets it with its timer, and again with neither when nothing about the hold has changed', () => {
    const booking = { ...hold(10 * MINUTE_MS), status: 'PENDING', pendingShard: 0 };
    const seen = { booking, seenDeadline: { stored: {} }, indexedAtMs: booking.expiresAtMs };
    const decision = decideOnWrite(seen, undefined, NOW, 10, settings);
    expect(decision).toMatchObject({ kind: 'schedule', notice: { timer: timer(10 * MINUTE_MS), delaySeconds: 480 } });
    expect(decideOnWrite(seen, booking, NOW, 10, settings)).toEqual({ kind: 'unchanged' });
  });
});

describe('a hold that a sweep finds near', () => {
  test('gets its notice unless that was sent when the hold started', () => {
    const startedAgo = (ms: number) => noticeOnSweep(hold(12 * MINUTE_MS, ms), NOW, settings, false);
    // The notice is due in ten minutes: 15 after a start five minutes ago.
    expect(startedAgo(5 * MINUTE_MS)).toBeUndefined();
    expect(startedAgo(5 * MINUTE_MS + 1)).toEqual({ timer: timer(12 * MINUTE_MS), delaySeconds: 600 });
    expect(startedAgo(24 * HOUR_MS)).toBeDefined();
    expect(noticeOnSweep(hold(12 * MINUTE_MS, null), NOW, settings, false)).toBeDefined();
    expect(noticeOnSweep(hold(12 * MINUTE_MS, -MINUTE_MS), NOW, settings, false)).toBeDefined();
  });

  test('gets it in any case after a deployment, which may have switched notices on', () => {
    expect(noticeOnSweep(hold(12 * MINUTE_MS, MINUTE_MS), NOW, settings, true)).toBeDefined();
  });

  test('gets none if it is too short, or over', () => {
    expect(noticeOnSweep(hold(MINUTE_MS, 2 * MINUTE_MS), NOW, settings, true)).toBeUndefined();
    expect(noticeOnSweep(hold(0, HOUR_MS), NOW, settings, true)).toBeUndefined();
  });
});

describe('a notice that comes', () => {
  test.each([
    ['in time', NOTICE_MS, 'look'],
    ['a second early', NOTICE_MS + 1_000, 'look'],
    ['more than a second early', NOTICE_MS + 1_001, 'send-again'],
    ['late', 1, 'look'],
    ['at the deadline', 0, 'not-needed'],
    ['after it', -1, 'not-needed'],
  ])('%s is dealt with', (_, inMs, kind) => {
    expect(decideOnNotice(timer(inMs), NOW, NOTICE_MS).kind).toBe(kind);
  });

  test('is dropped where notices have been switched off since', () => {
    expect(decideOnNotice(timer(NOTICE_MS), NOW, undefined)).toEqual({ kind: 'not-needed' });
  });

  test('under a shorter setting than it was sent for waits for that, as a notice', () => {
    expect(decideOnNotice(timer(NOTICE_MS), NOW, MINUTE_MS)).toEqual({
      kind: 'send-again',
      scheduled: { timer: timer(NOTICE_MS), delaySeconds: 60 },
    });
  });

  const booking = { ...hold(MINUTE_MS, 4 * MINUTE_MS), status: 'PENDING' };
  test.each([
    ['held with that deadline', booking, true],
    ['gone', undefined, false],
    ['confirmed', { ...booking, status: 'CONFIRMED' }, false],
    ['expired', { ...booking, status: 'EXPIRED' }, false],
    ['extended', { ...booking, expiresAtMs: booking.expiresAtMs + 1 }, false],
    ['shortened', { ...booking, expiresAtMs: booking.expiresAtMs - 1 }, false],
    ['too short', { ...booking, holdStartedAtMs: NOW - 2 * MINUTE_MS }, false],
    ['of unknown start', { bookingId: 'seat', status: 'PENDING', expiresAtMs: booking.expiresAtMs }, true],
  ])('for a booking that is %s tells of it or not', (_, found, told) => {
    expect(isToBeNoticed(timer(MINUTE_MS), found, NOW, NOTICE_MS)).toBe(told);
  });

  test('after its deadline is told of to nobody', () => {
    expect(isToBeNoticed(timer(MINUTE_MS), booking, NOW + MINUTE_MS, NOTICE_MS)).toBe(false);
  });
});

test('however a notice is sent again, its delays are what SQS takes, it comes within a second, and it ends', () => {
  const noticeMs = fc.integer({ min: 10, max: 10_800 }).map((seconds) => seconds * SECOND_MS);
  const aheadMs = fc.integer({ min: 0, max: 190 * MINUTE_MS });
  fc.assert(
    fc.property(noticeMs, aheadMs, (noticeBeforeMs, dueInMs) => {
      const { expiresAtMs } = { expiresAtMs: NOW + dueInMs + noticeBeforeMs };
      let nowMs = NOW;
      let delaySeconds = noticeDelaySeconds(expiresAtMs, nowMs, noticeBeforeMs);
      // Lambda stops a chain of about 16.
      for (let hops = 1; hops <= 14; hops += 1) {
        expect(delaySeconds).toBeGreaterThanOrEqual(0);
        expect(delaySeconds).toBeLessThanOrEqual(900);
        nowMs += delaySeconds * SECOND_MS;
        const decision = decideOnNotice({ bookingId: 'seat', expiresAtMs, kind: 'notice' }, nowMs, noticeBeforeMs);
        if (decision.kind !== 'send-again') {
          expect(Math.abs(nowMs - (NOW + dueInMs))).toBeLessThanOrEqual(SECOND_MS);
          return;
        }
        delaySeconds = decision.scheduled.delaySeconds;
      }
      throw new Error('it never ended');
    }),
  );
});

describe('the timer of a notice', () => {
  test('is one of its own kind', () => {
    expect(encodeTimer(timer(0))).toBe(`{"v":1,"bookingId":"seat","expiresAtMs":${NOW},"kind":"notice"}`);
    expect(decodeTimer(encodeTimer(timer(0)))).toEqual(timer(0));
    expect(() => decodeTimer(encodeTimer(timer(0)).replace('notice', 'reminder'))).toThrow(MalformedTimerError);
  });

  test('is, to a version that knows no kinds, a timer of its deadline and nothing earlier', () => {
    // What such a version reads: these three and no others.
    const { v, bookingId, expiresAtMs } = JSON.parse(encodeTimer(timer(NOTICE_MS)));
    expect(JSON.stringify({ v, bookingId, expiresAtMs })).toBe(
      encodeTimer({ bookingId: 'seat', expiresAtMs: NOW + NOTICE_MS }),
    );
  });
});
