/**
 * Metrics as CloudWatch keeps them: values by namespace, name, dimensions and unit, in buckets of a minute. A bucket holds each
 * value once, with how often it came: a time in whole milliseconds has few values, however often it is measured.
 */

/** Which metric. Dimensions without a value are other metrics than those with one. */
export interface MetricId {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
}

export const BUCKET_MS = 60_000;

/** How often each value came. */
type Counts = Map<number, number>;
/** Of one metric, by the minute and the unit. */
type Series = Map<number, Map<string, Counts>>;

export class Metrics {
  readonly #series = new Map<string, Series>();

  /** @param atMs when it was measured, epoch ms */
  put(metric: MetricId, value: number, atMs: number, unit = 'None'): void {
    const series = getOrPut(this.#series, keyOf(metric), new Map() as Series);
    const ofMinute = getOrPut(series, Math.floor(atMs / BUCKET_MS), new Map<string, Counts>());
    count(getOrPut(ofMinute, unit, new Map() as Counts), value);
  }

  /** Forgets what was measured in minutes that ended before. */
  forgetBefore(atMs: number): void {
    for (const series of this.#series.values()) {
      for (const minute of series.keys()) if ((minute + 1) * BUCKET_MS <= atMs) series.delete(minute);
    }
  }

  /**
   * Takes in the metrics of a log line in the embedded metric format (Amazon CloudWatch User Guide, embedded metric format
   * specification). Other lines are left alone.
   */
  putEmbedded(line: string): void {
    if (!line.includes('"_aws"')) return;
    let entry: EmbeddedMetrics;
    try {
      entry = JSON.parse(line);
    } catch {
      return;
    }
    for (const { Namespace, Dimensions, Metrics } of entry._aws?.CloudWatchMetrics ?? []) {
      for (const names of Dimensions) {
        const dimensions = Object.fromEntries(names.map((name) => [name, String(entry[name])]));
        for (const { Name, Unit } of Metrics) {
          for (const value of [entry[Name]].flat()) {
            if (typeof value !== 'number') continue;
            this.put({ namespace: Namespace, name: Name, dimensions }, value, entry._aws?.Timestamp ?? 0, Unit);
          }
        }
      }
    }
  }

  /**
   * One statistic over a span of whole minutes.
   *
   * @param statistic such as Sum, Maximum or p99
   * @param unit values of other units do not count; undefined for all
   * @returns undefined if there are no values
   * @throws Error for a statistic that it does not know
   */
  statistic(metric: MetricId, statistic: string, fromMs: number, toMs: number, unit?: string): number | undefined {
    const series = this.#series.get(keyOf(metric));
    const counts: Counts = new Map();
    for (let minute = fromMs / BUCKET_MS; minute < toMs / BUCKET_MS; minute += 1) {
      for (const [ofUnit, more] of series?.get(minute) ?? []) {
        if (unit !== undefined && unit !== ofUnit) continue;
        for (const [value, times] of more) count(counts, value, times);
      }
    }
    return counts.size === 0 ? undefined : statisticOf(statistic, counts);
  }
}

/**
 * @param counts how often each value came; at least one did
 * @throws Error for a statistic that is not known, so that an alarm is refused when it is read, and not when it is needed
 */
export const statisticOf = (statistic: string, counts: ReadonlyMap<number, number>): number => {
  const values = [...counts.keys()].sort((a, b) => a - b);
  const sum = [...counts].reduce((total, [value, times]) => total + value * times, 0);
  const sampleCount = [...counts.values()].reduce((total, times) => total + times, 0);
  const percentile = /^p(\d+(?:\.\d+)?)$/.exec(statistic)?.[1];
  if (percentile !== undefined) {
    let left = Math.ceil((Number(percentile) / 100) * sampleCount);
    for (const value of values) {
      left -= counts.get(value) ?? 0;
      if (left <= 0) return value;
    }
  }
  switch (statistic) {
    case 'Sum':
      return sum;
    case 'Average':
      return sum / sampleCount;
    case 'SampleCount':
      return sampleCount;
    case 'Maximum':
      return values.at(-1) ?? 0;
    case 'Minimum':
      return values[0] ?? 0;
    default:
      throw new Error(`a statistic must be Sum, Average, SampleCount, Maximum, Minimum or pNN, got ${statistic}`);
  }
};

const count = (counts: Counts, value: number, times = 1): void => {
  counts.set(value, (counts.get(value) ?? 0) + times);
};

const getOrPut = <Key, Value>(map: Map<Key, Value>, key: Key, absent: Value): Value => {
  const value = map.get(key) ?? absent;
  map.set(key, value);
  return value;
};

const keyOf = ({ namespace, name, dimensions }: MetricId): string =>
  JSON.stringify([namespace, name, Object.entries(dimensions).sort()]);

interface EmbeddedMetrics {
  readonly _aws?: {
    readonly Timestamp: number;
    readonly CloudWatchMetrics: readonly {
      readonly Namespace: string;
      readonly Dimensions: readonly (readonly string[])[];
      readonly Metrics: readonly { readonly Name: string; readonly Unit?: string }[];
    }[];
  };
  readonly [name: string]: unknown;
}
