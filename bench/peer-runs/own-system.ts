/** This service as one of the systems that are compared. */
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuUse } from '../cpu-use.ts';
import { warmUp } from '../load-lag.ts';
import { type Service, startService } from '../service.ts';
import { Acknowledgements } from './acknowledgements.ts';
import type { Expiry, PeerLoad, PeerSystem } from './system.ts';

const EXPIRE_BOOKING = 'ExpireBookingFunction';
const WARM_UP_RATE = 200;
/** What the Lambdas tell comes a little after the bookings. */
const LOOKS = 20;
const LOOK_EVERY_MS = 250;

export const startOwnSystem = async (assemblyDirectory: string): Promise<PeerSystem> => {
  const acknowledgements = new Acknowledgements();
  const service = await startService({ assemblyDirectory, environment: acknowledgements.environment });
  return new OwnSystem(service, acknowledgements);
};

class OwnSystem implements PeerSystem {
  readonly #service: Service;
  readonly #acknowledgements: Acknowledgements;
  readonly #expired = new Set<string>();
  #seen = 0;

  constructor(service: Service, acknowledgements: Acknowledgements) {
    this.#service = service;
    this.#acknowledgements = acknowledgements;
  }

  /** Until there are as many environments as such a load has, and those have compiled what they run. */
  warmUp(): Promise<void> {
    return warmUp(this.#service, WARM_UP_RATE);
  }

  async write(load: PeerLoad): Promise<number> {
    this.#service.reset();
    this.#acknowledgements.reset();
    this.#expired.clear();
    this.#seen = 0;
    const written = await this.#service.apply({ ...load, shape: 'spread', paidShare: 0 });
    const startedAtMs = (written[0]?.expiresAtMs ?? Number.NaN) - load.holdMs;
    return Date.now() - startedAtMs - load.seconds * 1_000;
  }

  expired(): number {
    const { batches } = this.#service;
    for (; this.#seen < batches.length; this.#seen += 1) {
      for (const { bookingId, outcome } of batches[this.#seen]?.outcomes ?? []) {
        if (outcome === 'expired') this.#expired.add(bookingId);
      }
    }
    return this.#expired.size;
  }

  async expiries(prefix: string): Promise<Expiry[]> {
    const stored = await this.#service.stored(prefix);
    const expired = [...stored.values()].filter(({ status }) => status === 'EXPIRED');
    for (let looks = 1; ; looks += 1) {
      const doneMsOf = this.#acknowledgements.finder();
      const expiries = expired.map(({ bookingId, expiresAtMs = Number.NaN, expiredAtMs = Number.NaN }) => {
        return { bookingId, expiresAtMs, nowMs: expiredAtMs, doneMs: doneMsOf(bookingId, expiredAtMs) };
      });
      const unseen = expiries.filter(({ doneMs }) => Number.isNaN(doneMs));
      if (unseen.length === 0) return expiries;
      if (looks === LOOKS) throw new Error(`nobody saw ${unseen.length} of ${expiries.length} writes acknowledged`);
      await sleep(LOOK_EVERY_MS);
    }
  }

  async stored(prefix: string) {
    const stored = await this.#service.stored(prefix);
    return [...stored.values()].map(({ status, expiresAtMs = Number.NaN, expiredAtMs }) => ({
      status,
      expiresAtMs,
      expiredAtMs,
    }));
  }

  cpuMs(): number {
    const { processMs, dynamodbMs } = cpuUse();
    return processMs + dynamodbMs;
  }

  async kill(): Promise<void> {
    const lambda = this.#service.runtime.lambdas.get(EXPIRE_BOOKING);
    if (lambda === undefined) {
      const known = [...this.#service.runtime.lambdas.keys()].join(', ');
      throw new Error(`the template must have ${EXPIRE_BOOKING}, it has ${known}`);
    }
    await lambda.crash();
  }

  /** Nothing is down: the next batch makes itself a new environment. */
  async restart(): Promise<void> {}

  stop(): Promise<void> {
    this.#acknowledgements.stop();
    return this.#service.stop();
  }
}
