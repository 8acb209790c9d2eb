/** Numbers on the command line. */
import { UsageError } from '../terminal/usage.ts';

/** @throws UsageError if it is not a whole number from the least to the most, or has zeros in front */
export const wholeNumber = (option: string, text: string, least: number, most: number): number => {
  if (/^(0|[1-9]\d*)$/.test(text) && Number(text) >= least && Number(text) <= most) return Number(text);
  throw new UsageError(`--${option} must be a whole number from ${least} to ${most}, got ${text}`);
};
