/** Points of a cumulative distribution, in percent: no closer than a plot shows. */
export const distribution = (values: readonly number[], smallest: number): [number, number][] => {
  const sorted = values.toSorted((a, b) => a - b);
  const points: [number, number][] = [[smallest, 0]];
  for (const [index, given] of sorted.entries()) {
    if (sorted[index + 1] === given) continue;
    const value = Math.max(smallest, given);
    const percent = (100 * (index + 1)) / sorted.length;
    const [lastValue, lastPercent] = points.at(-1) ?? [smallest, 0];
    const isLast = index === sorted.length - 1;
    if (!isLast && percent - lastPercent < 0.5 && value < lastValue * 1.15) continue;
    points.push([value, lastPercent], [value, percent]);
  }
  return points;
};
