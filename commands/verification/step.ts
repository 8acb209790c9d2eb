/** What a step of the verification is, and what it works with. */
import type { Api } from './api.ts';
import type { CleanUp } from './clean-up.ts';
import type { Deployment } from './deployment.ts';
import type { TestBookings } from './test-bookings.ts';

/** What all steps work with. */
export interface Verification {
  readonly deployment: Deployment;
  readonly api: Api;
  readonly bookings: TestBookings;
  readonly cleanUp: CleanUp;
  /** In the names of all that this run makes. */
  readonly runId: string;
  readonly holdMs: number;
  /** How long something may take that takes no time when all is well, ms. */
  readonly patienceMs: number;
  /** Whether to wait for a booking whose timer only a sweep can send: a quarter of an hour. */
  readonly far: boolean;
  /** Lets time pass; throws when the command is stopped meanwhile. */
  pause(ms: number): Promise<void>;
}

export interface Step {
  readonly name: string;
  /** What holds if it passes. */
  readonly title: string;
  /**
   * @returns what was seen, in words
   * @throws NotChecked with the reason; any other error if it fails
   */
  run(verification: Verification): Promise<string>;
}

/** Thrown by a step that cannot be checked where it runs, with the reason: that is neither passed nor failed. */
export class NotChecked extends Error {
  override readonly name = 'NotChecked';
}

/** Thrown out of a pause when the command is stopped. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
}

/** @throws Error with what was expected and what was found */
export const expectThat = (holds: boolean, reason: string): void => {
  if (!holds) throw new Error(reason);
};

/** @throws NotChecked if this is the local runtime, with what it lacks */
export const onlyOnAws = (deployment: Deployment, lacking: string): string => {
  if (deployment.stackName === undefined) throw new NotChecked(`not on this machine: ${lacking}`);
  return deployment.stackName;
};
