/** What can happen in a history of slots. */
import type { TryFault } from '../support/unreliable-requests.ts';

/** What goes wrong while somebody does something. */
export type Fault =
  /** The process ends at its n-th request from here on, which was carried out or not. */
  | { readonly kind: 'crash'; readonly atRequest: number; readonly carriedOut: boolean }
  /** The network does this to so many tries of requests, after the first few. */
  | { readonly kind: 'network'; readonly befalls: TryFault; readonly afterTries: number; readonly times: number }
  /** Others are in the way of so many transactions. The first of them is carried out all the same, or none is. */
  | { readonly kind: 'busy'; readonly times: number; readonly carriedOut: boolean };

/** What somebody does. Deadlines are so long after the clock of whoever does it. */
export type Deed =
  | { readonly do: 'create'; readonly id: string; readonly holdMs: number; readonly slotIds: readonly string[] }
  | { readonly do: 'confirm'; readonly id: string; readonly revives: boolean }
  | { readonly do: 'extend'; readonly id: string; readonly holdMs: number }
  | { readonly do: 'cancel' | 'read' | 'expire'; readonly id: string }
  | { readonly do: 'look-up'; readonly slotId: string };

/** Something that one process does. */
export interface Doing {
  readonly deed: Deed | { readonly do: 'delete'; readonly id: string };
  readonly fault: Fault | undefined;
  /** How far its clock is ahead, ms; negative for behind. */
  readonly offMs: number;
}

export type Step =
  /** Several at once. At each turn one of those that wait sends its next request: which one, the turns say, again and again. */
  | { readonly is: 'done'; readonly doings: readonly Doing[]; readonly turns: readonly number[] }
  | { readonly is: 'time-passes'; readonly ms: number }
  | { readonly is: 'time-goes-to-deadline'; readonly id: string; readonly offsetMs: number }
  /** What was held back or repeated arrives. */
  | { readonly is: 'late-requests-land' }
  /** DynamoDB deletes the items of slots whose time for that is over. */
  | { readonly is: 'slots-are-purged' };

export const IDS = ['ann', 'bob', 'cat'];
export const SLOTS = ['seat-1', 'seat-2', 'seat-3'];

const tellDoing = ({ deed, fault, offMs }: Doing): string => {
  const { do: what, ...rest } = deed;
  const clock = offMs === 0 ? '' : `, by a clock ${Math.abs(offMs)} ms ${offMs > 0 ? 'ahead' : 'behind'}`;
  return `${what} ${JSON.stringify(rest)}${clock}${fault ? `, with ${JSON.stringify(fault)}` : ''}`;
};

/** A step as a failure tells it. */
export const sentence = (step: Step): string => {
  switch (step.is) {
    case 'done':
      return `\n  ${step.doings.map(tellDoing).join('\n    and at once ')}${step.doings.length > 1 ? `, in turns ${step.turns.join()}` : ''}`;
    case 'time-passes':
      return `\n  ${step.ms} ms pass`;
    case 'time-goes-to-deadline':
      return `\n  time goes on to ${step.offsetMs} ms after the deadline of ${step.id}`;
    case 'late-requests-land':
      return '\n  what was held back arrives';
    case 'slots-are-purged':
      return '\n  what has lapsed long ago is purged';
  }
};
