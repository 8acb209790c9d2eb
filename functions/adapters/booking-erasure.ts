/** Deletes bookings that are over. Held ones stay: they may still be paid, and their deadline is still to come. */
import { type BookingDeletion, ContentionError, type CustomerBookings, type DeleteOutcome } from '../api/ports.ts';
import { deletionCondition, LOOKS } from '../core/moves.ts';
import { asStored, type Item, readBooking } from '../table/item.ts';
import { OWN_ATTRIBUTES, type TableShape } from '../table/shape.ts';
import type { DeletingTable } from '../table/table.ts';
import { conditionOf } from '../table/write-of-move.ts';

export class BookingErasure implements BookingDeletion {
  readonly #table: DeletingTable;
  readonly #bookings: Pick<CustomerBookings, 'read'>;
  readonly #shape: TableShape;

  /**
   * @param table the bookings table
   * @param bookings the same table booking by booking: reading one expires it if it has lapsed
   * @param shape what the table looks like
   */
  constructor(table: DeletingTable, bookings: Pick<CustomerBookings, 'read'>, shape: TableShape) {
    this.#table = table;
    this.#bookings = bookings;
    this.#shape = shape;
  }

  async delete(bookingId: string, nowMs: number): Promise<DeleteOutcome> {
    const key: Item = { [this.#shape.key.partition.name]: { S: bookingId } };
    for (let looks = 0; looks < LOOKS; looks += 1) {
      const item = await this.#table.get(key);
      const booking = readBooking(this.#shape, item);
      if (item === undefined || booking === undefined) return { kind: 'missing' };
      if (booking.status !== 'PENDING') {
        if ((await this.#table.delete(key, this.#asSeen(item))).kind === 'made') return { kind: 'deleted' };
        continue;
      }
      const reported = await this.#bookings.read(bookingId, nowMs);
      if (reported?.status === 'PENDING') return { kind: 'refused', booking: reported };
    }
    throw new ContentionError(`it changed ${LOOKS} times while it was deleted`);
  }

  #asSeen(item: Item) {
    const { status, deadline, attributes } = this.#shape;
    return conditionOf(
      this.#shape,
      deletionCondition({
        status: asStored(item, status.attribute),
        deadline: asStored(item, deadline.attribute),
        holdStartedAtMs: asStored(item, attributes.holdStartedAtMs),
        confirmedAtMs: asStored(item, OWN_ATTRIBUTES.confirmedAtMs),
        cancelledAtMs: asStored(item, OWN_ATTRIBUTES.cancelledAtMs),
        expiredAtMs: asStored(item, attributes.expiredAtMs),
      }),
    );
  }
}
