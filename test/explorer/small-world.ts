/** What a small world is made of: who may do what in it, what may go wrong, and for how long it is watched. */
import type { Task, Version } from './processes.ts';

/** When every small world begins, epoch ms. */
export const START_MS = 1_800_000_000_000;

/** Something that somebody outside of the service may do, once, at any moment. */
export type Action =
  /** A program that knows the table writes a booking: three attributes, or a shard and a start too. */
  | { readonly do: 'put'; readonly id: string; readonly holdMs: number; readonly isBare: boolean }
  /** It writes the same deadline once more, as a new hold. */
  | { readonly do: 'put again'; readonly id: string }
  /** It confirms a booking by the rules, and leaves it in the index. */
  | { readonly do: 'foreign confirm'; readonly id: string }
  | { readonly do: 'create' | 'extend'; readonly id: string; readonly holdMs: number }
  | { readonly do: 'confirm' | 'cancel' | 'read'; readonly id: string }
  /** An operator runs `expire-bookings` on a machine whose clock is so far ahead. */
  | { readonly do: 'command'; readonly clockAheadMs: number; readonly wholeTable: boolean }
  /** The schedule fires on a machine whose clock is so far ahead. */
  | { readonly do: 'sweep'; readonly clockAheadMs: number };

/** What may go wrong with the requests of a process, and with the process itself. */
export const FAULTS_OF_REQUESTS = [
  /** A request is not carried out, and its process hears an error. */
  'request fails',
  /** It is carried out, and its process hears an error. */
  'answer lost',
  /** It is carried out, nobody hears of it, and the SDK makes it again. */
  'request repeated',
  /** It seems lost, the SDK makes it again, and it arrives later after all. */
  'request late',
  /** It takes its time: time goes on before it is carried out. */
  'request slow',
  /** One of several writes or messages is not taken. */
  'throttled',
  'crash',
] as const;

export const FAULTS_OF_TIMERS = [
  'timer lost',
  'timer early',
  'timer twice',
  /** No timer is delivered any more. */
  'timers stop',
] as const;

export const FAULTS_OF_STREAM = [
  /** Nobody reads the stream any more; when somebody does again, its records may have been given up. */
  'stream stops',
  'records again',
] as const;

export const FAULTS_OF_SWEEPS = [
  'sweep missed',
  'sweep twice',
  /** The index and eventually consistent reads fall behind, for up to a minute. */
  'index lags',
] as const;

export const FAULTS = [...FAULTS_OF_REQUESTS, ...FAULTS_OF_TIMERS, ...FAULTS_OF_STREAM, ...FAULTS_OF_SWEEPS] as const;
export type Fault = (typeof FAULTS)[number];

export interface SmallWorld {
  readonly name: string;
  /** What is deployed at the start. */
  readonly version: Version;
  /** What a deployment may change it to. It may be rolled back at any moment. */
  readonly nextVersion?: Version;
  readonly actions: readonly Action[];
  readonly faults: readonly Fault[];
  /** Clocks that are wrong all the time, ms ahead. */
  readonly clocksAheadMs?: Readonly<Partial<Record<Task['kind'], number>>>;
  /** Bookings whose timers the queue never takes. */
  readonly unsendable?: readonly string[];
  /** When the schedule fires first. @default - one interval after the start */
  readonly firstSweepAfterMs?: number;
  /** Until when bookings are written for the first time, and versions deployed and rolled back. @default - until the end */
  readonly newThingsForMs?: number;
  /** How long it is watched. */
  readonly forMs: number;
}
