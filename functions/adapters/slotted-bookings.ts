/** Bookings with slots: each of their moves is one transaction over the booking and its slots. Expiry alone writes no slot. */
import type { CustomerBookings, SlotLookup } from '../api/ports.ts';
import type { TakenSlot } from '../core/booking-status.ts';
import type { Move } from '../core/moves.ts';
import { effectiveSlotState, type Slot, slotByOwner } from '../core/slots.ts';
import { itemAfter } from '../table/answers.ts';
import { type Item, readBooking } from '../table/item.ts';
import { SLOT_ATTRIBUTES, type TableShape } from '../table/shape.ts';
import {
  holdSlot,
  isAsSeenFree,
  isOwnHold,
  readSlot,
  type SlotCondition,
  slotKey,
  takeSlot,
} from '../table/slot-items.ts';
import type { Table, WriteAnswer } from '../table/table.ts';
import type { FoundByWrite, TransactedWrite, Transactions } from '../table/transaction.ts';
import { writeOfMove } from '../table/write-of-move.ts';
import { type Patience, USUAL_PATIENCE, whenNotBusy } from './contention.ts';

export interface SlottedBookingsPorts {
  readonly transactions: Transactions;
  /** The slots table and the bookings table, to look on, and their names. */
  readonly slots: Pick<Table, 'getMany'>;
  readonly slotsTable: string;
  readonly bookings: Pick<Table, 'getMany'>;
  readonly bookingsTable: string;
  readonly shape: TableShape;
  /** @default - four seconds */
  readonly patience?: Patience;
}

/**
 * slots-taken: the booking would allow it, slots of it do not.
 * `atMs` is the clock of the try that was answered: while others were in the way, time has passed.
 */
export type SlottedAnswer = { readonly atMs: number } & (
  | WriteAnswer
  | { readonly kind: 'slots-taken'; readonly slots: readonly TakenSlot[] }
);

/** What a move of a booking does with one of its slots. */
export type SlotWrite = (table: string, slotId: string, bookingId: string) => TransactedWrite;

/** Bookings that are read for somebody who relies on it: one that has lapsed is marked first. */
type Owners = Pick<CustomerBookings, 'read'>;

/** What becomes of slots that a booking wants: those that it may have, each on its condition, and those that it may not. */
interface Wanted {
  readonly conditions: readonly SlotCondition[];
  readonly taken: readonly TakenSlot[];
}

export class SlottedBookings implements SlotLookup {
  readonly #ports: SlottedBookingsPorts;
  readonly #patience: Patience;
  readonly #keyName: string;

  constructor(ports: SlottedBookingsPorts) {
    this.#ports = ports;
    this.#patience = ports.patience ?? USUAL_PATIENCE;
    this.#keyName = ports.shape.key.partition.name;
  }

  /**
   * Creates a booking with its slots, or neither. It looks at the slots first: whoever wants what another booking has needs no
   * transaction to hear so.
   *
   * @param owners the bookings, to ask those whose holds of these slots have lapsed
   * @throws ContentionError if others were in the way for all the time; Error of the engine
   */
  create(
    item: Item,
    slotIds: readonly string[],
    untilMs: number,
    owners: Owners,
    nowMs: number,
  ): Promise<SlottedAnswer> {
    const { slotsTable, bookingsTable, bookings } = this.#ports;
    const key = this.#keyOf(item);
    const owner = key[this.#keyName]?.S ?? '';
    const booking: TransactedWrite = {
      kind: 'put',
      table: bookingsTable,
      item,
      anyOf: [[{ attribute: this.#keyName, is: 'absent' }]],
    };
    const hold = (slotId: string, condition: SlotCondition) => holdSlot(slotsTable, slotId, owner, untilMs, condition);
    return whenNotBusy(
      async (atMs) => {
        const answer = await this.#claim(booking, slotIds, owner, hold, owners, atMs);
        if (answer?.kind === 'made') return { ...answer, item };
        if (answer?.kind !== 'slots-taken') return answer;
        // A repeated request is answered with its booking, whoever has its slots by now.
        const [found] = await bookings.getMany([key], { consistent: true, settle: true });
        return found === undefined ? answer : { kind: 'refused', found, atMs };
      },
      nowMs,
      this.#patience,
    );
  }

  /**
   * Takes the slots of a booking that had lapsed, and moves it, or neither.
   *
   * @param found the booking as it was seen; the move must be on condition of the slots that it had then
   * @param moveAt the move by the clock of a try
   * @param owners the bookings, to ask those whose holds of these slots have lapsed
   * @throws ContentionError if others were in the way for all the time; Error of the engine
   */
  revive(
    found: Item,
    slotIds: readonly string[],
    moveAt: (nowMs: number) => Move,
    owners: Owners,
    nowMs: number,
  ): Promise<SlottedAnswer> {
    const { slotsTable, bookingsTable, shape } = this.#ports;
    const key = this.#keyOf(found);
    const owner = key[this.#keyName]?.S ?? '';
    const take = (slotId: string, condition: SlotCondition) => takeSlot(slotsTable, slotId, owner, condition);
    return whenNotBusy(
      async (atMs) => {
        const write = writeOfMove(shape, moveAt(atMs));
        const booking: TransactedWrite = { kind: 'update', table: bookingsTable, key, write };
        const answer = await this.#claim(booking, slotIds, owner, take, owners, atMs);
        return answer?.kind === 'made' ? { ...answer, item: itemAfter(found, write) } : answer;
      },
      nowMs,
      this.#patience,
    );
  }

  /** One try to get slots. Undefined if somebody was in the way, or got one of them since they were looked at. */
  async #claim(
    booking: TransactedWrite,
    slotIds: readonly string[],
    owner: string,
    write: (slotId: string, condition: SlotCondition) => TransactedWrite,
    owners: Owners,
    nowMs: number,
  ): Promise<SlottedAnswer | undefined> {
    const { conditions, taken } = await this.#want(slotIds, owner, owners, nowMs);
    if (taken.length > 0) return { kind: 'slots-taken', slots: taken, atMs: nowMs };
    const claims = slotIds.map((slotId, index) => write(slotId, conditions[index] ?? isAsSeenFree(undefined)));
    const answer = await this.#ports.transactions.transact([booking, ...claims]);
    if (answer.kind === 'made') return { kind: 'made', item: undefined, atMs: nowMs };
    const [ofBooking] = answer.kind === 'refused' ? answer.writes : [];
    return ofBooking?.refused ? { kind: 'refused', found: ofBooking.found, atMs: nowMs } : undefined;
  }

  /** Looks at slots, and asks the bookings whose holds of them have lapsed: each is marked before its slot goes to another. */
  async #want(slotIds: readonly string[], wanting: string, owners: Owners, nowMs: number): Promise<Wanted> {
    const seen = await this.#seen(slotIds);
    const lapsed = seen.filter(({ slot }) => isLapsed(slot, nowMs) && slot.bookingId !== wanting);
    const ids = [...new Set(lapsed.flatMap(({ slot: { bookingId } }) => bookingId ?? []))];
    const found = new Map(await Promise.all(ids.map(async (id) => [id, await owners.read(id, nowMs)] as const)));
    const conditions: SlotCondition[] = [];
    const taken: TakenSlot[] = [];
    for (const { slot, item } of seen) {
      if (slot.state === 'HELD' && slot.bookingId === wanting) {
        conditions.push(isOwnHold(wanting));
        continue;
      }
      conditions.push(isAsSeenFree(item));
      const now = isLapsed(slot, nowMs) ? slotByOwner(slot, found.get(slot.bookingId ?? ''), nowMs) : slot;
      if (effectiveSlotState(now, nowMs) !== 'FREE') taken.push(takenSlot(now));
    }
    return { conditions, taken };
  }

  /**
   * Moves a booking together with its slots, or neither.
   *
   * @param found the booking as it was seen; the move must be on condition of the slots that it had then
   * @param moveAt the move by the clock of a try
   * @param skipsLost whether slots that are another booking's by now are left as they are: for a booking that gives them back
   * @throws ContentionError if others were in the way for all the time; Error of the engine
   */
  move(
    found: Item,
    slotIds: readonly string[],
    moveAt: (nowMs: number) => Move,
    slotWrite: SlotWrite,
    nowMs: number,
    { skipsLost = false } = {},
  ): Promise<SlottedAnswer> {
    const { transactions, slotsTable, bookingsTable, shape } = this.#ports;
    const key = this.#keyOf(found);
    const owner = key[this.#keyName]?.S ?? '';
    let own = slotIds;
    return whenNotBusy(
      async (atMs): Promise<SlottedAnswer | undefined> => {
        const write = writeOfMove(shape, moveAt(atMs));
        const answer = await transactions.transact([
          { kind: 'update', table: bookingsTable, key, write },
          ...own.map((slotId) => slotWrite(slotsTable, slotId, owner)),
        ]);
        if (answer.kind === 'busy') return undefined;
        if (answer.kind === 'made') return { kind: 'made', item: itemAfter(found, write), atMs };
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

  async lookUp(slotIds: readonly string[], nowMs: number): Promise<Slot[]> {
    const { bookings, shape } = this.#ports;
    const slots = (await this.#seen(slotIds)).map(({ slot }) => slot);
    const ids = slots.flatMap((slot) => (isLapsed(slot, nowMs) ? (slot.bookingId ?? []) : []));
    if (ids.length === 0) return slots;
    const keys = [...new Set(ids)].map((id) => ({ [this.#keyName]: { S: id } }));
    const items = await bookings.getMany(keys, { consistent: true, settle: true });
    const owners = new Map(items.map((item) => [item[this.#keyName]?.S, readBooking(shape, item)]));
    return slots.map((slot) => (isLapsed(slot, nowMs) ? slotByOwner(slot, owners.get(slot.bookingId), nowMs) : slot));
  }

  /** Slots as they are stored, read consistently, in the order in which they were asked for. */
  async #seen(slotIds: readonly string[]): Promise<{ readonly slot: Slot; readonly item: Item | undefined }[]> {
    const items = await this.#ports.slots.getMany(slotIds.map(slotKey), { consistent: true, settle: true });
    const byId = new Map(items.map((item) => [item[SLOT_ATTRIBUTES.slotId]?.S, item]));
    return slotIds.map((slotId) => ({ slot: readSlot(slotId, byId.get(slotId)), item: byId.get(slotId) }));
  }

  #keyOf(item: Item): Item {
    return { [this.#keyName]: item[this.#keyName] ?? { S: '' } };
  }
}

/** Whether there was a hold of it, which is over. */
const isLapsed = (slot: Slot, nowMs: number): boolean =>
  slot.state !== undefined && effectiveSlotState(slot, nowMs) === 'FREE';

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
