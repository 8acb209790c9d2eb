/** This service as one of the systems that are compared. */
import { cpuUse } from '../cpu-use.ts';
import { type Service, startService } from '../service.ts';
import type { Expiry, PeerLoad, PeerSystem } from './system.ts';

const EXPIRE_BOOKING = 'ExpireBookingFunction';

/** @param metered with a proxy before the engines, which sees when a write is acknowledged, and costs time itself */
export const startOwnSystem = async (assemblyDirectory: string, metered: boolean): Promise<PeerSystem> => {
  const doneAtMs = new Map<string, number>();
  const onWritten = (bookingId: string, atMs: number): void => {
    doneAtMs.set(bookingId, atMs);
  };
  const service = await startService({ assemblyDirectory, metered, ...(metered && { onWritten }) });
  return new OwnSystem(service, doneAtMs);
};

class OwnSystem implements PeerSystem {
  readonly #service: Service;
  readonly #doneAtMs: Map<string, number>;
  readonly #expired = new Set<string>();
  #seen = 0;

  constructor(service: Service, doneAtMs: Map<string, number>) {
    this.#service = service;
    this.#doneAtMs = doneAtMs;
  }

  async write(load: PeerLoad): Promise<number> {
    this.#service.reset();
    this.#doneAtMs.clear();
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
    return [...stored.values()]
      .filter(({ status }) => status === 'EXPIRED')
      .map(({ bookingId, expiresAtMs = Number.NaN, expiredAtMs = Number.NaN }) => ({
        bookingId,
        expiresAtMs,
        nowMs: expiredAtMs,
        doneMs: this.#doneAtMs.get(bookingId) ?? Number.NaN,
      }));
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
    return this.#service.stop();
  }
}
