/** Metrics as CloudWatch keeps them: values by namespace, name, dimensions and unit, in buckets of a minute. */

/** Which metric. Dimensions without a value are other metrics than those with one. */
export interface MetricId {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
}

export const BUCKET_MS = 60_000;
/** The longest that an alarm of the template looks back, and some more: five periods of 180 minutes. */
const KEPT_MS = 16 * 60 * BUCKET_MS;

interface Series {
  /** Values by the minute that they belong to and by unit. */
  readonly buckets: Map<number, { readonly unit: string; readonly value: number }[]>;
}

export class Metrics {
  readonly #series = new Map<string, Series>();

  /** @param atMs when it was measured, epoch ms */
  put(metric: MetricId, value: number, atMs: number, unit = 'None'): void {
    const key = keyOf(metric);
    const series = this.#series.get(key) ?? { buckets: new Map() };
    this.#series.set(key, series);
    const minute = Math.floor(atMs / BUCKET_MS);
    const bucket = series.buckets.get(minute);
    if (bucket) {
      bucket.push({ unit, value });
      return;
    }
    series.buckets.set(minute, [{ unit, value }]);
    for (const old of series.buckets.keys()) if (old < minute - KEPT_MS / BUCKET_MS) series.buckets.delete(old);
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
    const { buckets } = this.#series.get(keyOf(metric)) ?? {};
    const values: number[] = [];
    for (let minute = fromMs / BUCKET_MS; minute < toMs / BUCKET_MS; minute += 1) {
      for (const each of buckets?.get(minute) ?? []) {
        if (unit === undefined || each.unit === unit) values.push(each.value);
      }
    }
    return values.length === 0 ? undefined : statisticOf(statistic, values);
  }
}

/** @throws Error for a statistic that is not known, so that an alarm is refused when it is read, and not when it is needed */
export const statisticOf = (statistic: string, values: readonly number[]): number => {
  const sum = values.reduce((total, value) => total + value, 0);
  const percentile = /^p(\d+(?:\.\d+)?)$/.exec(statistic)?.[1];
  if (percentile !== undefined) {
    const sorted = values.toSorted((a, b) => a - b);
    return sorted[Math.max(0, Math.ceil((Number(percentile) / 100) * sorted.length) - 1)] ?? 0;
  }
  switch (statistic) {
    case 'Sum':
      return sum;
    case 'Average':
      return sum / values.length;
    case 'SampleCount':
      return values.length;
    case 'Maximum':
      return values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
    case 'Minimum':
      return values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
    default:
      throw new Error(`a statistic must be Sum, Average, SampleCount, Maximum, Minimum or pNN, got ${statistic}`);
  }
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
