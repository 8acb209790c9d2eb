/** The loads of the benchmark by name, each of which can be run by itself. */
import type { Shape } from './writer.ts';

export type NamedLoad = { readonly name: string; readonly label: string } & (
  | { readonly kind: 'rate'; readonly perSecond: number; readonly shape: Shape }
  | { readonly kind: 'one-second' | 'half-paid' | '24-hours' }
);

const SHAPES: readonly Shape[] = ['spread', 'scattered', 'coincide'];

/** What `--load` takes, for messages. */
export const LOAD_NAMES =
  '<n>-spread, <n>-scattered, <n>-coincide (n deadlines a second), one-second, half-paid, 24-hours';

export const rateLoad = (perSecond: number, shape: Shape): NamedLoad => ({
  name: `${perSecond}-${shape}`,
  label: `${perSecond}/s, ${shape}`,
  kind: 'rate',
  perSecond,
  shape,
});

/** The loads that have no rate in their name. */
export const OTHER_LOADS: readonly NamedLoad[] = [
  { name: 'one-second', label: '1,000 in one second', kind: 'one-second' },
  { name: 'half-paid', label: '50/s, spread, half of them paid', kind: 'half-paid' },
  { name: '24-hours', label: '50/s, held for 24 hours', kind: '24-hours' },
];

/** @returns undefined for a name that no load has */
export const loadNamed = (name: string): NamedLoad | undefined => {
  const [, rate, shape] = /^([1-9]\d*)-(\w+)$/.exec(name) ?? [];
  const known = SHAPES.find((each) => each === shape);
  if (rate !== undefined && known !== undefined) return rateLoad(Number(rate), known);
  return OTHER_LOADS.find((load) => load.name === name);
};
