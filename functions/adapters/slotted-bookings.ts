/** Bookings with slots: each of their moves is one transaction over the booking and its slots. Expiry alone writes no slot. */
import type { TakenSlot } from '../core/booking-status.ts';
import type { Move } from '../core/moves.ts';
import { effectiveSlotState, type Slot } from '../core/slots.ts';
import { itemAfter } from '../table/answers.ts';
import type { Item } from '../table/item.ts';
import { SLOT_ATTRIBUTES, type TableShape } from '../table/shape.ts';
import { claimSlot, readSlot, slotKey } from '../table/slot-items.ts';
import type { Table, WriteAnswer } from '../table/table.ts';
import type { FoundByWrite, TransactedWrite, Transactions } from '../table/transaction.ts';
import { writeOfMove } from '../table/write-of-move.ts';
import { type Patience, USUAL_PATIENCE, whenNotBusy } from './contention.ts';

export interface SlottedBookingsPorts {
  readonly transactions: Transactions;
  /** The slots table. */
  readonly slots: Pick<Table, 'getMany'>;
  readonly slotsTable: string;
  readonly bookingsTable: string;
  readonly shape: TableShape;
  /** @default - four seconds */
  readonly patience?: Patience;
}

/**
 * slots-taken: the booking would allow it, slots of it do not. Where they were only looked at, nothing is said of the booking.
 * `atMs` is the clock of the try that was answered: while others were in the way, time has passed.
 */
export type SlottedAnswer = { readonly atMs: number } & (
  | WriteAnswer
  | { readonly kind: 'slots-taken'; readonly slots: readonly TakenSlot[]; readonly wereLookedAt?: true }
);

/** What a move of a booking does with one of its slots. `nowMs` is the clock of the try. */
export type SlotWrite = (table: string, slotId: string, bookingId: string, nowMs: number) => TransactedWrite;

export class SlottedBookings {
  readonly #ports: SlottedBookingsPorts;
  readonly #patience: Patience;
  readonly #keyName: string;

  constructor(ports: SlottedBookingsPorts) {
    this.#ports = ports;
    this.#patience = ports.patience ?? USUAL_PATIENCE;
    this.#keyName = ports.shape.key.partition.name;
  }

  /**
   * Creates a booking with its slots, or neither. While others are at the slots it looks at them: who wants what is taken by
   * then needs no further try.
   *
   * @throws ContentionError if others were in the way for all the time; Error of the engine
   */
  create(item: Item, slotIds: readonly string[], untilMs: number, nowMs: number): Promise<SlottedAnswer> {
    const { transactions, slotsTable, bookingsTable } = this.#ports;
    const owner = item[this.#keyName]?.S ?? '';
    const booking: TransactedWrite = {
      kind: 'put',
      table: bookingsTable,
      item,
      anyOf: [[{ attribute: this.#keyName, is: 'absent' }]],
    };
    return whenNotBusy(
      async (atMs): Promise<SlottedAnswer | undefined> => {
        const claims = slotIds.map((slotId) => claimSlot(slotsTable, slotId, owner, untilMs, atMs));
        const answer = await transactions.transact([booking, ...claims]);
        if (answer.kind === 'made') return { kind: 'made', item, atMs };
        if (answer.kind === 'refused') return refusedAnswer(slotIds, answer.writes, atMs);
        const slots = await this.lookUp(slotIds);
        const isOwnHold = ({ state, bookingId }: Slot) => state === 'HELD' && bookingId === owner;
        const taken = slots.filter((slot) => effectiveSlotState(slot, atMs) !== 'FREE' && !isOwnHold(slot));
        return taken.length > 0
          ? { kind: 'slots-taken', slots: taken.map(takenSlot), wereLookedAt: true, atMs }
          : undefined;
      },
      nowMs,
      this.#patience,
    );
  }

  /**
   * Moves a booking together with its slots, or neither.
   *
   * @param found the booking as it was seen; the move must be on condition of the slots that it had then
   * @param moveAt the move by the clock of a try
   * @param skipsLost whether slots that are another booking's by now are left as they are: for a booking that gives them back
   * @throws ContentionError if others were in the way for all the time; Error of the engine
   */
  async move(
    found: Item,
    slotIds: readonly string[],
    moveAt: (nowMs: number) => Move,
    write: SlotWrite,
    nowMs: number,
    { skipsLost = false } = {},
  ): Promise<SlottedAnswer> {
    const { transactions, slotsTable, bookingsTable, shape } = this.#ports;
    const key: Item = { [this.#keyName]: found[this.#keyName] ?? { S: '' } };
    const owner = key[this.#keyName]?.S ?? '';
    let own = slotIds;
    return whenNotBusy(
      async (atMs): Promise<SlottedAnswer | undefined> => {
        const update = writeOfMove(shape, moveAt(atMs));
        const slotWrites = own.map((slotId) => write(slotsTable, slotId, owner, atMs));
        const answer = await transactions.transact([
          { kind: 'update', table: bookingsTable, key, write: update },
          ...slotWrites,
        ]);
        if (answer.kind === 'busy') return undefined;
        if (answer.kind === 'made') return { kind: 'made', item: itemAfter(found, update), atMs };
        const refused = refusedAnswer(own, answer.writes, atMs);
        if (refused.kind !== 'slots-taken' || !skipsLost) return refused;
        // Fewer each time. One that is another booking's is never this one's again before this one is created anew.
        const lost = new Set(refused.slots.map(({ slotId }) => slotId));
        own = own.filter((slotId) => !lost.has(slotId));
        return undefined;
      },
      nowMs,
      this.#patience,
    );
  }

  /** Slots as they are stored, read consistently, in the order in which they were asked for. */
  async lookUp(slotIds: readonly string[]): Promise<Slot[]> {
    const keys = slotIds.map(slotKey);
    const items = await this.#ports.slots.getMany(keys, { consistent: true, settle: true });
    const byId = new Map(items.map((item) => [item[SLOT_ATTRIBUTES.slotId]?.S, item]));
    return slotIds.map((slotId) => readSlot(slotId, byId.get(slotId)));
  }
}

/** Why a transaction was refused. The booking comes first: what it does not allow, no slot can. */
const refusedAnswer = (
  slotIds: readonly string[],
  [booking, ...slots]: readonly FoundByWrite[],
  atMs: number,
): Exclude<SlottedAnswer, { kind: 'made' }> => {
  if (booking?.refused) return { kind: 'refused', found: booking.found, atMs };
  return {
    kind: 'slots-taken',
    slots: slotIds.flatMap((slotId, index) => {
      const slot = slots[index];
      return slot?.refused ? [takenSlot(readSlot(slotId, slot.found))] : [];
    }),
    atMs,
  };
};

const takenSlot = ({ slotId, heldUntilMs }: Slot): TakenSlot => ({
  slotId,
  ...(heldUntilMs !== undefined && { heldUntilMs }),
});
