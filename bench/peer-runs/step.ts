/** One load on a system that runs, and what came of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { percentilesOf } from '../../measure/lag-report.ts';
import type { Rung } from './climb.ts';
import type { Expiry, PeerLoad, PeerSystem } from './system.ts';

/** How long after its deadline the last booking may take before the rest counts as missed. */
const PATIENCE_MS = 30_000;
/** What was seen is waited for this much longer: reports come a little after what they report. */
const SETTLE_MS = 500;

/** The lag that counts is that at the acknowledgement. */
export interface Step extends Rung {
  readonly bookings: number;
  readonly expired: number;
  readonly early: number;
  readonly acknowledged: ReturnType<typeof percentilesOf>;
  readonly beforeWrite: ReturnType<typeof percentilesOf>;
  /** CPU a booking, ms, servers and producer included. */
  readonly cpuMs: number;
  readonly expiries: readonly Expiry[];
}

export const applyStep = async (system: PeerSystem, load: PeerLoad): Promise<Step> => {
  const bookings = load.perSecond * load.seconds;
  const cpuBeforeMs = system.cpuMs();
  const producerBehindMs = await system.write(load);
  const giveUpAtMs = Date.now() + load.holdMs + PATIENCE_MS;
  while (system.expired() < bookings && Date.now() < giveUpAtMs) await sleep(20);
  const cpuMs = (system.cpuMs() - cpuBeforeMs) / bookings;
  await sleep(SETTLE_MS);
  return stepOf(load.perSecond, bookings, await system.expiries(load.prefix), producerBehindMs, cpuMs);
};

export const stepOf = (
  rate: number,
  bookings: number,
  expiries: readonly Expiry[],
  producerBehindMs: number,
  cpuMs: number,
): Step => {
  const beforeMs = expiries.map(({ nowMs, expiresAtMs }) => nowMs - expiresAtMs);
  const doneMs = expiries.map(({ doneMs: atMs, expiresAtMs }) => atMs - expiresAtMs);
  const beforeWrite = percentilesOf(beforeMs);
  const acknowledged = percentilesOf(doneMs);
  return {
    rate,
    bookings,
    expired: expiries.length,
    early: beforeMs.filter((lagMs) => lagMs < 0).length,
    missed: bookings - expiries.length,
    p99Ms: acknowledged.p99,
    acknowledged,
    beforeWrite,
    producerBehindMs,
    cpuMs,
    expiries,
  };
};
