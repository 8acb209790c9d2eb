/** How late the last expiries were marked, as a plot and in figures. */
import type { Bookings, Expiry } from './bookings.ts';
import { byId, draw, setText } from './dom.ts';
import { shownMs } from './words.ts';

/** The plot, in its own units. */
const WIDTH = 420;
const HEIGHT = 130;
const LEFT = 44;
const BOTTOM = 6;
/** Marks of its scale, ms. It is logarithmic: a timer is late by milliseconds, what a sweep finds by seconds. */
const MARKS: readonly (readonly [ms: number, text: string])[] = [
  [1, '1 ms'],
  [10, '10 ms'],
  [100, '100 ms'],
  [1_000, '1 s'],
  [10_000, '10 s'],
  [100_000, '100 s'],
];
const DRAW_EVERY_MS = 250;

/** The value below which this share of values is; of a sorted list that is not empty. */
export const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? 0;

export class LagPlot {
  readonly #bookings: Bookings;
  #drawn: readonly Expiry[] | undefined;
  #drawnAtMs = Number.NEGATIVE_INFINITY;

  constructor(bookings: Bookings) {
    this.#bookings = bookings;
  }

  draw(): void {
    const { expiries } = this.#bookings;
    if (expiries === this.#drawn || performance.now() - this.#drawnAtMs < DRAW_EVERY_MS) return;
    this.#drawn = expiries;
    this.#drawnAtMs = performance.now();
    const sorted = expiries.map(({ lagMs }) => lagMs).sort((a, b) => a - b);
    const isEmpty = sorted.length === 0;
    const figures = { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99), max: sorted.at(-1) ?? 0 };
    for (const [name, ms] of Object.entries(figures)) setText(byId(`lag-${name}`), isEmpty ? '–' : shownMs(ms));
    const others = expiries.filter(({ by }) => by !== 'timer').length;
    const found = others === 0 ? '' : `, ${others} not by a timer`;
    setText(byId('lag-count'), isEmpty ? 'no expiry seen yet' : `last ${sorted.length}${found}`);
    const marks = MARKS.filter(([ms], index) => index < 3 || (MARKS[index - 1]?.[0] ?? ms) < figures.max);
    const topMs = marks.at(-1)?.[0] ?? 1;
    const y = (ms: number): number =>
      HEIGHT - BOTTOM - (Math.log10(1 + Math.min(ms, topMs)) / Math.log10(1 + topMs)) * (HEIGHT - BOTTOM - 10);
    const x = (index: number): number =>
      LEFT + 4 + ((index + 0.5) / Math.max(20, expiries.length)) * (WIDTH - LEFT - 8);
    byId('lag-plot').replaceChildren(
      ...marks.flatMap(([ms, text]) => [
        draw('line', { x1: LEFT, x2: WIDTH, y1: y(ms), y2: y(ms) }),
        draw('text', { x: LEFT - 5, y: y(ms) + 3, 'text-anchor': 'end' }, text),
      ]),
      ...(isEmpty
        ? []
        : [
            draw('line', { class: 'p99', x1: LEFT, x2: WIDTH, y1: y(figures.p99), y2: y(figures.p99) }),
            draw('text', { x: WIDTH, y: y(figures.p99) - 3, 'text-anchor': 'end' }, 'p99'),
          ]),
      ...expiries.map(({ lagMs, by }, index) =>
        draw('circle', { class: by === 'timer' ? '' : 'other', cx: x(index), cy: y(lagMs), r: 2.5 }),
      ),
    );
  }
}
