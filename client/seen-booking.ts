/** A booking with slots as an application has read it: what a move takes from it, and what its conditions compare with. */
import type { AsStored, SeenHold } from '../functions/core/moves.ts';
import { readShard } from '../functions/core/pending-shard.ts';
import { MAX_SLOTS } from '../functions/core/slots.ts';
import { BOOKINGS_SHAPE, OWN_ATTRIBUTES } from '../functions/table/shape.ts';
import { seenValue } from './document-writes.ts';
import { InvalidMoveError } from './input.ts';
import { slotIdsGiven, slotIdsIn } from './slot-ids.ts';
import { type Attributes, plainIn, shown, storedIn } from './values.ts';

const KEY = BOOKINGS_SHAPE.key.partition.name;

/** @throws InvalidMoveError */
export const keyOf = (where: string, bookingId: unknown): Record<string, string> => {
  if (typeof bookingId === 'string' && bookingId !== '') return { [KEY]: bookingId };
  throw new InvalidMoveError(`${where} must be text that is not empty, got ${shown(bookingId)}`);
};

/** @throws InvalidMoveError for what is no booking */
export const idOf = (move: string, seen: Attributes): string => {
  const isItem = typeof seen === 'object' && seen !== null && !Array.isArray(seen);
  const id = isItem ? storedIn(seen, KEY)?.S : undefined;
  if (id !== undefined && id !== '') return id;
  throw new InvalidMoveError(`${move}: seen must be the booking as it was read, got ${shown(seen)}`);
};

/** The slots of a booking, and its hold, exactly as they were seen. */
interface SeenSlotsOf {
  readonly slotIds: readonly string[];
  readonly seenSlots: AsStored;
  readonly seenHold: SeenHold;
}

/** @throws InvalidMoveError for a booking without slots */
export const slotsSeen = (move: string, seen: Attributes): SeenSlotsOf => {
  idOf(move, seen);
  const slotIds = slotIdsIn(seen);
  if (slotIds) {
    const slots = seenValue([...slotIds]);
    const { deadline, attributes } = BOOKINGS_SHAPE;
    return {
      slotIds,
      seenSlots: slots,
      // Only what compares with them needs the others.
      get seenHold() {
        return {
          deadline: asSeen(move, seen, deadline.attribute),
          holdStartedAtMs: asSeen(move, seen, attributes.holdStartedAtMs),
          slots,
        };
      },
    };
  }
  throw new InvalidMoveError(
    `${move}: seen.slotIds must be 1 to ${MAX_SLOTS} slots, each of them once, got ${shown(seen[OWN_ATTRIBUTES.slotIds])}: ` +
      'a booking without slots is moved by tableClient, in one write',
  );
};

/** @throws InvalidMoveError unless all are slots of the booking */
export const slotsAmong = (where: string, given: unknown, own: readonly string[]): readonly string[] => {
  const slotIds = slotIdsGiven(where, given, MAX_SLOTS);
  const other = slotIds.find((slotId) => !own.includes(slotId));
  if (other === undefined) return slotIds;
  throw new InvalidMoveError(`${where} must be slots of the booking (${own.join(', ')}), got ${shown(other)}`);
};

/**
 * An attribute exactly as it was seen, for a condition; undefined if the booking has none.
 *
 * @throws InvalidMoveError for one that no condition of the DocumentClient can compare with
 */
export const asSeen = (move: string, seen: Attributes, attribute: string): { readonly stored: object } | undefined => {
  if (storedIn(seen, attribute) === undefined) return undefined;
  const plain = plainIn(seen, attribute);
  if (plain !== undefined) return seenValue(plain);
  throw new InvalidMoveError(
    `${move}: seen.${attribute} must be text, or a number of no more digits than JavaScript holds, got ${shown(seen[attribute])}`,
  );
};

/** Any legal shard will do: the service puts the booking into another if it is none that it counts. */
export const shardSeen = (seen: Attributes): number =>
  readShard(storedIn(seen, BOOKINGS_SHAPE.attributes.pendingShard)?.N) ?? 0;
