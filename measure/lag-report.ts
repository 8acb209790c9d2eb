/** Percentiles and a histogram of lags, for people. */

/** The value below or at which a share of the values lies (nearest rank); NaN for none. */
export const percentile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
};

/** Percentiles of lags, in ms. */
export const percentilesOf = (lagsMs: readonly number[]) => ({
  p50: percentile(lagsMs, 0.5),
  p99: percentile(lagsMs, 0.99),
  p999: percentile(lagsMs, 0.999),
  max: percentile(lagsMs, 1),
});

const UPPER_BOUNDS_MS = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000];
const BAR_WIDTH = 40;

/** Lines of a histogram of lags, from the smallest to the largest bucket that holds any. */
export const lagHistogram = (lagsMs: readonly number[]): string[] => {
  const bounds = [...UPPER_BOUNDS_MS, Number.POSITIVE_INFINITY];
  const counts = bounds.map((bound, index) => {
    const above = bounds[index - 1] ?? Number.NEGATIVE_INFINITY;
    return lagsMs.filter((lagMs) => lagMs > above && lagMs <= bound).length;
  });
  const most = Math.max(1, ...counts);
  const last = counts.findLastIndex((count) => count > 0);
  return counts.slice(0, last + 1).map((count, index) => {
    const bound = bounds[index] ?? 0;
    const label = Number.isFinite(bound) ? `≤ ${bound} ms` : `> ${bounds[index - 1]} ms`;
    return `${label.padStart(10)}  ${'█'.repeat(Math.round((count / most) * BAR_WIDTH)).padEnd(BAR_WIDTH)} ${count}`;
  });
};
