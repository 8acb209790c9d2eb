import type { TryFault } from '../support/unreliable-requests.ts';

/** What goes wrong during a step. */
export type Fault =
  /** The process ends at its n-th request from here on, which was carried out or not. */
  | { readonly kind: 'crash'; readonly atRequest: number; readonly carriedOut: boolean }
  /** DynamoDB throttles these statements of every batch, and these entries of every send fail. */
  | { readonly kind: 'half-fails'; readonly odd: boolean }
  /** The next n requests fail with their retries. */
  | { readonly kind: 'outage'; readonly requests: number }
  /** The network does this to so many tries of requests, after the first few. */
  | {
      readonly kind: 'network';
      readonly befalls: TryFault;
      readonly afterTries: number;
      readonly times: number;
      /** Tries of this operation only. */
      readonly only?: string;
    };
