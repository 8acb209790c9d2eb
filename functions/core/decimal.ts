/** Decimal numbers as text, exact: DynamoDB's have up to 38 digits, of which a JavaScript number holds about 15. */

/** Sign, digits before and behind the point, exponent. */
const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/;

interface Digits {
  readonly isNegative: boolean;
  /** Digits before the point, without leading zeros. */
  readonly whole: string;
  /** Digits behind the point, without trailing zeros. */
  readonly fraction: string;
}

/** The digits of a decimal number; undefined for any other text. */
const digitsOf = (text: string): Digits | undefined => {
  const [, sign, before = '', behind = '', exponent = '0'] = DECIMAL.exec(text) ?? [];
  const digits = before + behind;
  if (digits === '') return undefined;
  const point = before.length + Number(exponent);
  const whole = digits.slice(0, Math.max(0, point)).padEnd(point, '0').replace(/^0+/, '');
  const fraction = (point < 0 ? '0'.repeat(-point) : '') + digits.slice(Math.max(0, point));
  const significant = { whole, fraction: fraction.replace(/0+$/, '') };
  return { isNegative: sign === '-' && significant.whole + significant.fraction !== '', ...significant };
};

/** A decimal number that is not negative, as the whole number below or at it, and whether it is above that. */
export interface WholePart {
  readonly floor: number;
  readonly hasFraction: boolean;
}

/** Reads a decimal number; undefined for a negative one and for any other text. A floor beyond 2^53 is not exact. */
export const wholePart = (text: string): WholePart | undefined => {
  if (/^\d{1,15}$/.test(text)) return { floor: Number(text), hasFraction: false };
  const digits = digitsOf(text);
  if (digits === undefined || digits.isNegative) return undefined;
  return { floor: Number(digits.whole || '0'), hasFraction: digits.fraction !== '' };
};

/** The JavaScript number of a decimal one; undefined where it would not be the same number. */
export const exactNumber = (text: string): number | undefined => {
  const number = Number(text);
  const [given, held] = [digitsOf(text), digitsOf(String(number))];
  const isSame =
    given?.whole === held?.whole && given?.fraction === held?.fraction && given?.isNegative === held?.isNegative;
  return given !== undefined && isSame ? number : undefined;
};

/** Below zero if the first of two decimal numbers is smaller, above if it is larger, zero if they are the same number. */
export const compareDecimals = (one: string, other: string): number => {
  const [a, b] = [digitsOf(one), digitsOf(other)];
  if (a === undefined || b === undefined) throw new RangeError(`must be two decimal numbers, got ${one} and ${other}`);
  if (a.isNegative !== b.isNegative) return a.isNegative ? -1 : 1;
  const width = Math.max(a.fraction.length, b.fraction.length);
  const magnitude =
    a.whole.length - b.whole.length ||
    inOrder(a.whole + a.fraction.padEnd(width, '0'), b.whole + b.fraction.padEnd(width, '0'));
  return a.isNegative ? -magnitude : magnitude;
};

const inOrder = (one: string, other: string): number => (one === other ? 0 : one < other ? -1 : 1);

/** A decimal number without exponent and without zeros that say nothing; undefined for any other text. */
export const plainDecimal = (text: string): string | undefined => {
  if (/^[1-9]\d{0,14}$/.test(text)) return text;
  const digits = digitsOf(text);
  if (digits === undefined) return undefined;
  const { isNegative, whole, fraction } = digits;
  return `${isNegative ? '-' : ''}${whole || '0'}${fraction && `.${fraction}`}`;
};
