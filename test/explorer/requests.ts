/** What the service's processes ask of the world around them, as plain data: every request is a point at which a schedule chooses. */
import type { Clause, ConditionalWrite } from '../../functions/table/conditional-write.ts';
import type { Item } from '../../functions/table/item.ts';
import type { IndexQuery, KeyedWrite } from '../../functions/table/table.ts';

export type TableName = 'bookings' | 'sweep state';

/** A message as it is sent: what SendMessageBatch takes of one entry. */
export interface Entry {
  readonly id: string;
  readonly body: string;
  readonly delaySeconds: number;
}

export type Request =
  | { readonly do: 'create'; readonly on: TableName; readonly item: Item; readonly keyAttribute: string }
  | {
      readonly do: 'write';
      readonly on: TableName;
      readonly key: Item;
      readonly write: ConditionalWrite;
      /** Whether a request before this one held the same write, and its answer was lost. */
      readonly mayHaveBeenMade?: boolean;
    }
  | { readonly do: 'write many'; readonly on: TableName; readonly writes: readonly KeyedWrite[] }
  | { readonly do: 'get'; readonly on: TableName; readonly key: Item }
  | {
      readonly do: 'get many';
      readonly on: TableName;
      readonly keys: readonly Item[];
      readonly consistent: boolean;
      readonly attributes: readonly string[] | undefined;
    }
  | { readonly do: 'query'; readonly on: TableName; readonly query: IndexQuery }
  | {
      readonly do: 'scan';
      readonly on: TableName;
      readonly condition: readonly Clause[];
      readonly attributes: readonly string[];
      readonly cursor: Item | undefined;
    }
  | { readonly do: 'send'; readonly to: 'timers' | 'dead letters'; readonly entries: readonly Entry[] }
  /** Failed messages come back sooner than they would by themselves. */
  | { readonly do: 'retry in'; readonly retries: readonly { readonly receipt: string; readonly seconds: number }[] }
  /** How many descriptions of given-up records lie in the dead-letter queue of schedule-expiry. */
  | { readonly do: 'count given up' }
  /** What the engine's clock says, as its answers date themselves. */
  | { readonly do: 'ask the date' }
  /** Until a time by the process's own clock. */
  | { readonly do: 'wait'; readonly untilMs: number };

/** What a process hears: a value, or an error in its place. */
export type Answer = { readonly value: unknown } | { readonly error: Error };

/** What the SDK throws at the end of its tries. */
export const noAnswer = (): Error =>
  Object.assign(new Error('no answer in time'), { name: 'TimeoutError', $metadata: {} });

/** Whether carrying it out changes anything. */
export const changesSomething = ({ do: what }: Request): boolean =>
  what === 'create' || what === 'write' || what === 'write many' || what === 'send';

/** Ids of the bookings that a request is about; none where it is about no one in particular. */
export const bookingsOf = (request: Request): string[] => {
  switch (request.do) {
    case 'create':
      return idsOf([request.item]);
    case 'write':
    case 'get':
      return idsOf([request.key]);
    case 'write many':
      return idsOf(request.writes.map(({ key }) => key));
    case 'get many':
      return idsOf(request.keys);
    case 'send':
      return request.to === 'timers' ? request.entries.map(({ body }) => JSON.parse(body).bookingId) : [];
    default:
      return [];
  }
};

const idsOf = (keys: readonly Item[]): string[] => keys.flatMap(({ bookingId }) => bookingId?.S ?? []);
