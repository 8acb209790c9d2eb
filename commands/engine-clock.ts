/**
 * Whether this machine's clock agrees with DynamoDB's. Conditions compare deadlines with the clock of whoever writes: a
 * command on a host whose clock is ahead would expire bookings early.
 */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SECOND_MS } from '../functions/core/hold-time.ts';

/** How far the clocks may differ, ms. */
const TOLERANCE_MS = SECOND_MS;

/** Thrown when they differ by more. */
export class WrongClockError extends Error {
  override readonly name = 'WrongClockError';
}

/** How far a clock is ahead of another, ms, at least and at most; negative for behind. */
export interface Difference {
  readonly leastMs: number;
  readonly mostMs: number;
}

/**
 * What an answer's `Date` header says about this machine's clock. The header counts whole seconds, and was written at some
 * moment between the request and the answer.
 */
export const differenceOf = (date: string, sentAtMs: number, receivedAtMs: number): Difference | undefined => {
  const dateMs = Date.parse(date);
  if (!Number.isFinite(dateMs)) return undefined;
  return { leastMs: sentAtMs - (dateMs + SECOND_MS - 1), mostMs: receivedAtMs - dateMs };
};

/**
 * Notes the `Date` headers of a client's answers.
 *
 * @returns how far this machine's clock is ahead, from the answers so far; undefined if none had a date
 */
export const watchClock = (client: DynamoDBClient): (() => Difference | undefined) => {
  let difference: Difference | undefined;
  client.middlewareStack.add(
    (next) => async (step) => {
      const sentAtMs = Date.now();
      const result = await next(step);
      const { headers = {} } = result.response as { headers?: Record<string, string> };
      difference = differenceOf(headers.date ?? '', sentAtMs, Date.now()) ?? difference;
      return result;
    },
    // Each try by itself: a retry would stretch the time between request and answer.
    { step: 'deserialize', name: 'watchClock', priority: 'low' },
  );
  return () => difference;
};

/** @throws WrongClockError if the clocks certainly differ by more than a second */
export const expectRightClock = (difference: Difference | undefined): void => {
  if (difference === undefined) return;
  const { leastMs, mostMs } = difference;
  const ahead = leastMs > TOLERANCE_MS ? `${inSeconds(leastMs)} ahead of` : undefined;
  const behind = mostMs < -TOLERANCE_MS ? `${inSeconds(-mostMs)} behind` : undefined;
  const wrong = ahead ?? behind;
  if (wrong === undefined) return;
  throw new WrongClockError(
    `this machine's clock is at least ${wrong} DynamoDB's, and 1 s is allowed: bookings would expire at the wrong time. ` +
      'Set the clock (timedatectl set-ntp true), then try again',
  );
};

const inSeconds = (ms: number): string => `${(ms / SECOND_MS).toFixed(1)} s`;
