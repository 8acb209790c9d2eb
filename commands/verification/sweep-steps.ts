/** The backstop: by its schedule, by webhook, and what only a sweep can find. */
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { comeNearHorizonMs, MINUTE_MS, nearReachMs, SECOND_MS } from '../../functions/core/hold-time.ts';
import { MAX_SHARDS } from '../../functions/core/pending-shard.ts';
import { systemClock } from '../../functions/runtime/clock.ts';
import type { ApiAnswer } from './api.ts';
import { expectThat, NotChecked, type Step, type Verification } from './step.ts';

/** Sweeps that are further apart are not waited for. */
const LONGEST_INTERVAL_MS = 15 * MINUTE_MS;
/** A schedule keeps its time to the minute (Amazon EventBridge Scheduler User Guide, rate-based schedules). */
const SCHEDULE_PRECISION_MS = MINUTE_MS;

export const scheduledSweep: Step = {
  name: 'scheduled-sweep',
  title: 'the schedule starts the sweep, which finishes and notes how far it came',
  run: async ({ deployment, pause, patienceMs }) => {
    const { scheduling, settings } = deployment.connection;
    if (scheduling === undefined)
      throw new Error('the table’s tags must name the sweep’s state table and the timer queue');
    if (settings.sweepIntervalMs > LONGEST_INTERVAL_MS) {
      throw new NotChecked(
        `not waited for: sweeps are ${settings.sweepIntervalMs / MINUTE_MS} minutes apart; look later with npm run status`,
      );
    }
    const noteMs = async () => (await scheduling.readState()).scheduledThroughMs;
    const firstMs = await noteMs();
    const untilMs = systemClock() + settings.sweepIntervalMs + SCHEDULE_PRECISION_MS + patienceMs;
    for (;;) {
      const foundMs = await noteMs();
      if (foundMs !== firstMs) {
        const beganMs = foundMs - comeNearHorizonMs(settings);
        return `a sweep began ${Math.max(0, Math.round((systemClock() - beganMs) / SECOND_MS))} s ago and has finished`;
      }
      expectThat(
        systemClock() < untilMs,
        `no sweep has finished for ${Math.round((settings.sweepIntervalMs + SCHEDULE_PRECISION_MS + patienceMs) / SECOND_MS)} s: ` +
          'docs/runbook.md#sweep-not-running',
      );
      await pause(2 * SECOND_MS);
    }
  },
};

export const cronWebhook: Step = {
  name: 'cron-webhook',
  title: 'the webhook sweeps with the token of the secret, and with no other',
  run: async (verification) => {
    const refused = await sweepByWebhook(verification, 'no-such-token');
    expectThat(refused.status === 401, `a wrong token must be answered 401, got ${refused.status}`);
    const swept = await sweepByWebhook(verification, await cronToken(verification));
    expectThat(swept.status === 200, `the token of the secret must be answered 200, got ${swept.status}`);
    return `a wrong token refused; swept: ${swept.body.expired} expired, ${swept.body.scheduled} scheduled`;
  },
};

/** A sweep by webhook against the timers: how often they race, and how many bookings in one race at most. */
const RACES = 5;
const BOOKINGS_IN_A_RACE = 40;
const BETWEEN_BOOKINGS_MS = 25;
/** How long these bookings are overdue when they are written, ms. */
const OVERDUE_MS = 1_000;

/**
 * Whoever writes a booking is covered by its timer, so none can be written that only a sweep finds at once. But a booking
 * that is overdue when it is written is in the index before its timer is sent: a sweep that looks at that moment comes first.
 */
export const foundBySweep: Step = {
  name: 'found-by-sweep',
  title: 'a sweep finds an overdue booking in the index and expires it',
  run: async (verification) => {
    const { bookings, patienceMs } = verification;
    const token = await cronToken(verification);
    for (let race = 1; race <= RACES; race += 1) {
      const written = await raceASweep(verification, token);
      // Should there be no timers at all, the next sweep finds what this one has passed by.
      await verification.pause(SECOND_MS);
      await sweepByWebhook(verification, token);
      const expired = await Promise.all(written.map((id) => bookings.expired(id, systemClock() + patienceMs)));
      const bySweep = expired.filter(({ expiredBy }) => expiredBy === 'sweep').length;
      if (bySweep > 0)
        return `${bySweep} of ${written.length} overdue bookings were expired by the sweep, before a timer came`;
    }
    throw new NotChecked(
      `not shown: in ${RACES} races the timers came before the sweep each time; --far shows what only a sweep can do`,
    );
  },
};

/** Starts a sweep, and writes overdue bookings while it looks: into the shards that it looks into. */
const raceASweep = async (verification: Verification, token: string): Promise<string[]> => {
  const { bookings, pause } = verification;
  const written: string[] = [];
  let isSwept = false;
  const sweeping = sweepByWebhook(verification, token).finally(() => {
    isSwept = true;
  });
  const writing = (async () => {
    while (!isSwept && written.length < BOOKINGS_IN_A_RACE) {
      const id = bookings.newId('found-by-sweep');
      // Those that it looks into last: the first may be behind it by now.
      const shard = MAX_SHARDS - 1 - (written.length % (MAX_SHARDS / 2));
      const nowMs = systemClock();
      await bookings.put(id, nowMs - OVERDUE_MS, {
        pendingShard: { N: String(shard) },
        holdStartedAtMs: { N: String(nowMs - 2 * OVERDUE_MS) },
      });
      written.push(id);
      await pause(BETWEEN_BOOKINGS_MS);
    }
  })();
  const [answer] = await Promise.all([sweeping, writing]);
  expectThat(answer.status === 200, `the sweep by webhook must answer 200, got ${answer.status}`);
  return written;
};

/** How far beyond what is near, so that no clock makes it near. */
const BEYOND_NEAR_MS = 30 * SECOND_MS;

export const farBooking: Step = {
  name: 'far-booking',
  title: 'a booking that is too far for a timer gets one from a sweep, and expires on time',
  run: async ({ bookings, deployment, far, patienceMs }) => {
    if (!far) throw new NotChecked('left out, as it takes a quarter of an hour: --far');
    const { settings } = deployment.connection;
    if (settings.sweepIntervalMs > LONGEST_INTERVAL_MS)
      throw new NotChecked('not waited for: sweeps are too far apart');
    const bookingId = bookings.newId('far-booking');
    const expiresAtMs = systemClock() + nearReachMs(settings) + settings.timerLeadMs + BEYOND_NEAR_MS;
    await bookings.put(bookingId, expiresAtMs);
    const { lagMs } = await bookings.expiredByTimer(bookingId, expiresAtMs + patienceMs);
    return `expired ${lagMs} ms after its deadline, by a timer that a sweep had sent`;
  },
};

const sweepByWebhook = ({ api, deployment }: Verification, token: string): Promise<ApiAnswer> => {
  deployment.ledger.count('sweep');
  return api.call('POST', '/cron/expire-bookings', { as: { bearer: token } });
};

const cronToken = async ({ deployment: { secrets, outputs } }: Verification): Promise<string> => {
  const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: outputs.CronTokenSecretArn }));
  if (!SecretString) throw new Error(`the secret ${outputs.CronTokenSecretArn} has no text`);
  return SecretString;
};
