import type { CountName } from '../../functions/contract.ts';
import type { Telemetry } from '../../functions/runtime/telemetry.ts';

/** Telemetry that remembers what it was told. */
export const recordingTelemetry = () => {
  const counts: Partial<Record<CountName, number>> = {};
  const lagsMs: number[] = [];
  const lines: { level: string; message: string; data: Record<string, unknown> }[] = [];
  const log =
    (level: string) =>
    (message: string, data: Record<string, unknown> = {}) => {
      lines.push({ level, message, data });
    };
  const telemetry: Telemetry = {
    count: (metric, value = 1) => {
      counts[metric] = (counts[metric] ?? 0) + value;
    },
    lag: (lagMs) => lagsMs.push(lagMs),
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
    flush: () => {},
  };
  return { telemetry, counts, lagsMs, lines };
};
