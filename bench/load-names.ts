/** The loads of the benchmark by name, each of which can be run by itself. */
import { MINUTE_MS, SECOND_MS } from '../functions/core/hold-time.ts';
import type { Shape } from './writer.ts';

export type NamedLoad = { readonly name: string; readonly label: string } & (
  | { readonly kind: 'rate'; readonly perSecond: number; readonly shape: Shape; readonly holdMs?: number }
  | { readonly kind: 'one-second' | 'half-paid' | '24-hours' }
);

const SHAPES: readonly Shape[] = ['spread', 'scattered', 'coincide'];

/** What `--load` takes, for messages. */
export const LOAD_NAMES =
  '<n>-spread, <n>-scattered, <n>-coincide (n deadlines a second; held for 10 seconds, or as said: 250-spread-15m), one-second, half-paid, 24-hours';

/** @param hold how long each booking is held: `15m` or `20s`, at most 99. @default - 10 seconds */
export const rateLoad = (perSecond: number, shape: Shape, hold?: string): NamedLoad => ({
  name: [perSecond, shape, hold].filter(Boolean).join('-'),
  label: `${perSecond}/s, ${shape}${hold ? `, held for ${hold}` : ''}`,
  kind: 'rate',
  perSecond,
  shape,
  ...(hold && { holdMs: Number.parseInt(hold, 10) * (hold.endsWith('m') ? MINUTE_MS : SECOND_MS) }),
});

/** The loads that have no rate in their name. */
export const OTHER_LOADS: readonly NamedLoad[] = [
  { name: 'one-second', label: '1,000 in one second', kind: 'one-second' },
  { name: 'half-paid', label: '50/s, spread, half of them paid', kind: 'half-paid' },
  { name: '24-hours', label: '50/s, held for 24 hours', kind: '24-hours' },
];

/** @returns undefined for a name that no load has */
export const loadNamed = (name: string): NamedLoad | undefined => {
  const [, rate, shape, hold] = /^([1-9]\d*)-([a-z]+)(?:-([1-9]\d?[sm]))?$/.exec(name) ?? [];
  const known = SHAPES.find((each) => each === shape);
  if (rate !== undefined && known !== undefined) return rateLoad(Number(rate), known, hold);
  return OTHER_LOADS.find((load) => load.name === name);
};
