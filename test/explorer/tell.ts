/** Times of a small world in words. */
import { DAY_MS, MINUTE_MS, SECOND_MS } from '../../functions/core/hold-time.ts';
import { START_MS } from './small-world.ts';

const UNITS = [
  [DAY_MS, 'd'],
  [60 * MINUTE_MS, 'h'],
  [MINUTE_MS, 'min'],
  [SECOND_MS, 's'],
  [1, 'ms'],
] as const;

/** A length of time: "14 min 59 s 999 ms". */
export const lengthText = (ms: number): string => {
  const parts: string[] = [];
  let left = Math.abs(ms);
  for (const [unitMs, unit] of UNITS) {
    const count = Math.floor(left / unitMs);
    left -= count * unitMs;
    if (count > 0) parts.push(`${count} ${unit}`);
  }
  return parts.length === 0 ? '0 s' : parts.join(' ');
};

/** A moment, from the beginning of the world on: "+5 min". */
export const timeText = (epochMs: number): string =>
  `${epochMs < START_MS ? '-' : '+'}${lengthText(epochMs - START_MS)}`;
