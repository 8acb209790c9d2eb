/**
 * Deadlines in the units that a table's owner may count them in, read and written. Anybody may have written them: what makes
 * no sense is reported, never guessed at. Inside the service a deadline is whole epoch milliseconds.
 *
 * A fraction of a millisecond is rounded up when it is read, and a fraction of a second when it is written: so nobody
 * loses a hold before its time.
 */
import { plainDecimal, wholePart } from '../core/decimal.ts';
import { type DeadlineReading, EARLIEST_DEADLINE_MS, LATEST_DEADLINE_MS, SECOND_MS } from '../core/hold-time.ts';
import type { DeadlineUnit, TableShape } from './shape.ts';

/** An attribute's value as the DynamoDB API has it, as far as a deadline or a key may be one. */
export interface StoredValue {
  /** Text. */
  readonly S?: string | undefined;
  /** A number, as its decimal digits. */
  readonly N?: string | undefined;
}

/** What decides how a deadline is read and written. */
export type DeadlineShape = Pick<TableShape, 'deadline'>;

const ALLOWED: Readonly<Record<DeadlineUnit, string>> = {
  milliseconds: `epoch milliseconds from ${EARLIEST_DEADLINE_MS} to ${LATEST_DEADLINE_MS}`,
  seconds: `epoch seconds from ${EARLIEST_DEADLINE_MS / SECOND_MS} to ${LATEST_DEADLINE_MS / SECOND_MS}`,
  iso8601: 'ISO 8601 text with an offset, such as 2026-12-24T18:00:00Z, from September 2001 to the year 5138',
};

/**
 * Reads a deadline that anyone may have written.
 *
 * - `milliseconds`, `seconds`: a number of up to 38 digits, judged exactly.
 * - `iso8601`: `YYYY-MM-DDThh:mm`, with `:ss` and a fraction of any length if wanted, and `Z` or `±hh:mm`. `t`, `z` and a
 *   space instead of the T are taken too. Text without an offset is refused: it is a different instant in every time zone. So
 *   are days that no calendar has, the hour 24 and the second 60, which clocks in epoch time never show.
 *
 * @param attribute the deadline as stored; undefined if the item has none
 * @returns the deadline in whole epoch ms, rounded up; or why it is none, which names the attribute, what is allowed and
 *   what was received
 */
export const readDeadlineOf = ({ deadline }: DeadlineShape, attribute: StoredValue | undefined): DeadlineReading => {
  const found = foundIn(deadline.unit, attribute);
  if ('expiresAtMs' in found) return { valid: true, expiresAtMs: found.expiresAtMs };
  return { valid: false, reason: `${deadline.attribute} must be ${ALLOWED[deadline.unit]}, got ${found.got}` };
};

/** A usable deadline, or what there is instead, for people. */
type Found = { readonly expiresAtMs: number } | { readonly got: string };

const foundIn = (unit: DeadlineUnit, attribute: StoredValue | undefined): Found => {
  if (attribute === undefined) return { got: 'none' };
  const { N: digits, S: text } = attribute;
  if (digits === undefined && text === undefined) return { got: `a ${Object.keys(attribute)[0] ?? 'nothing'}` };
  if (unit === 'iso8601') {
    return text === undefined ? { got: `the number ${shortened(digits)}${hintAt(digits, unit)}` } : instantIn(text);
  }
  return digits === undefined ? { got: `the text ${shortened(JSON.stringify(text))}` } : numberIn(digits, unit);
};

const numberIn = (digits: string, unit: 'milliseconds' | 'seconds'): Found => {
  const plain = plainDecimal(digits);
  const inMs = plain === undefined ? undefined : wholePart(unit === 'seconds' ? `${plain}e3` : plain);
  const refused = { got: `${shortened(digits) || 'no digits'}${hintAt(digits, unit)}` };
  if (inMs === undefined || inMs.floor < EARLIEST_DEADLINE_MS) return refused;
  const expiresAtMs = inMs.hasFraction ? inMs.floor + 1 : inMs.floor;
  return expiresAtMs > LATEST_DEADLINE_MS ? refused : { expiresAtMs };
};

/** The units that numbers of our time look like, by the first number that is too large for them. */
const LOOKS = [
  { below: 1e9, as: undefined },
  { below: 1e12, as: 'seconds' },
  { below: 1e15, as: 'milliseconds' },
  { below: 1e18, as: 'microseconds' },
] as const;

const hintAt = (digits: string | undefined, unit: DeadlineUnit): string => {
  const size = wholePart(digits ?? '')?.floor ?? 0;
  const look = LOOKS.find(({ below }) => size < below)?.as;
  return look === undefined || look === unit ? '' : `, which looks like ${look}`;
};

const INSTANT = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:([Zz])|([+-])(\d\d):(\d\d))?$/;

const instantIn = (text: string): Found => {
  const refused = (hint = ''): Found => ({ got: `${shortened(JSON.stringify(text))}${hint}` });
  const parts = INSTANT.exec(text);
  if (parts === null) return refused();
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts
    .slice(1, 7)
    .map((each) => Number(each ?? 0));
  const [fraction = '', zulu, sign] = [parts[7], parts[8], parts[9]];
  if (zulu === undefined && sign === undefined) return refused(', which has no offset');
  const [offsetHour, offsetMinute] = [Number(parts[10] ?? 0), Number(parts[11] ?? 0)];
  const isTime = hour <= 23 && minute <= 59 && second <= 59 && offsetHour <= 23 && offsetMinute <= 59;
  if (!isTime || !isDay(year, month, day)) return refused(', which no clock or calendar shows');
  const offsetMs = (sign === '-' ? -1 : 1) * (offsetHour * 60 + offsetMinute) * 60_000;
  const wholeMs = Number(fraction.slice(0, 3).padEnd(3, '0'));
  const roundedUpMs = /[1-9]/.test(fraction.slice(3)) ? 1 : 0;
  const floorMs = Date.UTC(year, month - 1, day, hour, minute, second, wholeMs) - offsetMs;
  const expiresAtMs = floorMs + roundedUpMs;
  return floorMs < EARLIEST_DEADLINE_MS || expiresAtMs > LATEST_DEADLINE_MS ? refused() : { expiresAtMs };
};

const isDay = (year: number, month: number, day: number): boolean => {
  const date = new Date(Date.UTC(year, month - 1, day));
  return month >= 1 && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
};

/** As it came, cut so that a text of a thousand characters does not fill a log line. */
const shortened = (text = ''): string => (text.length > 60 ? `${text.slice(0, 60)}…` : text);

/** Decimal numbers to compare a deadline with, in its table's unit. */
export interface DeadlineBounds {
  /** The first deadline that is one. What is below it was written in another unit. */
  readonly earliest: string;
  /** Now, exactly. A deadline at or below it has lapsed, if it is not below the earliest. */
  readonly now: string;
  /** The last deadline that is one. What is above it was written in another unit. */
  readonly latest: string;
}

/**
 * What a condition compares a deadline with that is a number. Exact: in seconds, now has its milliseconds behind the point.
 *
 * @param nowMs the clock, epoch ms; a fraction of a millisecond is dropped, so that nothing lapses early
 * @throws RangeError for deadlines of text, whose order is not that of time: a condition asks for the very text that was
 *   read
 */
export const deadlineBounds = ({ deadline }: DeadlineShape, nowMs: number): DeadlineBounds => {
  const { attribute, unit } = deadline;
  if (unit === 'iso8601') throw new RangeError(`${attribute} is text, which no condition can compare with a time`);
  const inUnit = (ms: number): string => {
    const digits = plainDecimal(unit === 'seconds' ? `${ms}e-3` : String(ms));
    if (digits === undefined) throw new RangeError(`now must be epoch milliseconds, got ${ms}`);
    return digits;
  };
  return {
    earliest: inUnit(EARLIEST_DEADLINE_MS),
    now: inUnit(Math.floor(nowMs)),
    latest: inUnit(LATEST_DEADLINE_MS),
  };
};

/**
 * A deadline as it is written: whole milliseconds, whole seconds, or `YYYY-MM-DDThh:mm:ss.sssZ`. A fraction of the unit is
 * rounded up, so that the hold lasts as long as was promised, and less than one unit longer. Seconds are whole because
 * their other readers expect that, DynamoDB's time to live among them.
 *
 * @param expiresAtMs epoch ms
 * @throws RangeError if no table may have this deadline
 */
export const writtenDeadline = (
  { deadline }: DeadlineShape,
  expiresAtMs: number,
): { readonly N: string } | { readonly S: string } => {
  const { attribute, unit } = deadline;
  const unitMs = unit === 'seconds' ? SECOND_MS : 1;
  const roundedMs = Math.ceil(expiresAtMs / unitMs) * unitMs;
  if (!(expiresAtMs >= EARLIEST_DEADLINE_MS && roundedMs <= LATEST_DEADLINE_MS)) {
    throw new RangeError(`${attribute} must be written from ${ALLOWED.milliseconds}, got ${expiresAtMs}`);
  }
  return unit === 'iso8601' ? { S: new Date(roundedMs).toISOString() } : { N: String(roundedMs / unitMs) };
};
