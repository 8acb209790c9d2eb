/** What can happen in a history. */
import { MINUTE_MS } from '../../functions/core/hold-time.ts';
import type { Fault } from './faults.ts';
import type { Settings } from './process.ts';
import type { StrangeItem } from './strangers.ts';
import type { SweptBy } from './world.ts';

export type What =
  | { readonly do: 'create' | 'extend'; readonly id: string; readonly holdMs: number }
  | { readonly do: 'confirm' | 'cancel'; readonly id: string }
  | { readonly do: 'read'; readonly id: string }
  /** What is free is held again, or what is left of a hold that has lapsed. Perhaps also what was given back. */
  | { readonly do: 'hold'; readonly id: string; readonly holdMs: number; readonly isCancelledFree: boolean }
  /** It is given back with the word that an expiry gives. */
  | { readonly do: 'release'; readonly id: string }
  /** Somebody lists what is PENDING, in an index that is so old. */
  | { readonly do: 'list'; readonly lagMs?: number }
  | { readonly do: 'foreign-create' | 'foreign-extend'; readonly id: string; readonly holdMs: number }
  | { readonly do: 'stranger-writes'; readonly id: string; readonly item: StrangeItem }
  /** Without a status it is the deadline that is changed. */
  | {
      readonly do: 'stranger-changes';
      readonly id: string;
      readonly status: string | undefined;
      readonly holdMs: number;
    }
  /** It puts the whole item as it is, without what the service added. */
  | { readonly do: 'stranger-puts-again'; readonly id: string }
  /** It writes the booking as it is, and that its hold began now. */
  | { readonly do: 'stranger-restarts'; readonly id: string }
  | { readonly do: 'late-requests-land' }
  | { readonly do: 'foreign-confirm' | 'foreign-delete'; readonly id: string }
  /** With the sweeps of the schedule, or without; their index is so old. */
  | { readonly do: 'time-passes'; readonly ms: number; readonly onSchedule?: boolean; readonly lagMs?: number }
  | {
      readonly do: 'time-goes-to-deadline';
      readonly id: string;
      readonly offsetMs: number;
      readonly onSchedule?: boolean;
      readonly lagMs?: number;
    }
  | { readonly do: 'stream'; readonly records: number; readonly again: number; readonly to: 'timers' | 'events' }
  /** Reads that are not consistent are so old. */
  | { readonly do: 'deliver'; readonly picks: readonly number[]; readonly twice: boolean; readonly lagMs?: number }
  | { readonly do: 'lose'; readonly pick: number }
  /** schedule-expiry has failed for longer than records live: so many are given up. */
  | { readonly do: 'give-up'; readonly records: number }
  | { readonly do: 'sweep'; readonly by: SweptBy; readonly atOnce: number; readonly lagMs?: number }
  /** From here on two versions run. */
  | { readonly do: 'deploy'; readonly settings: Settings }
  /** From here on one version runs, and its sweep comes at once. */
  | { readonly do: 'deployed' | 'rolled-back'; readonly lagMs?: number }
  /** The tables are restored as they were so many steps ago, by the runbook; the sweeps' notes are kept, lost or as old. */
  | { readonly do: 'restore'; readonly back: number; readonly state: 'kept' | 'lost' | 'old' };

export interface Step {
  readonly what: What;
  readonly fault: Fault | undefined;
  /** How far the clock of whoever acts is ahead, in ms; negative for behind. */
  readonly offMs: number;
  /** Whether it is the version before, while two run. */
  readonly isOld: boolean;
}

/** A step as it is without a fault. */
export const plain = (what: What): Step => ({ what, fault: undefined, offMs: 0, isOld: false });

/** The last has what SQS and the embedded engine take amiss, and is long, because the engine miscounts short keys. */
export const STRANGE_ID = 'zoë \u{1f600} \ufffe\uffff with a name that is as long as forty letters';
export const IDS = ['ann', 'bob', STRANGE_ID];
/** How old an index is, at most, that a sweep or a list sees. */
export const MAX_LAG_MS = MINUTE_MS;
