/** After a sale: whether what is stored agrees with what the buyers were told, and whether every slot that is not sold can be had. */
import type { Booking } from '../../functions/core/booking-status.ts';
import { MAX_LOOKUP, type Slot } from '../../functions/core/slots.ts';
import type { OpenStore } from './counter.ts';
import { type CrowdResult, type Sale, slotIdOf } from './crowd.ts';

export interface Audit {
  /** Slots of more than one CONFIRMED booking. */
  readonly soldTwice: number;
  /** Slots that are not a CONFIRMED booking's and yet cannot be claimed. */
  readonly leaked: number;
  /** Slots that are a CONFIRMED booking's and yet were given to somebody else. */
  readonly oversold: number;
  /** Bookings whose buyer was told that it is confirmed, and that are not, or whose slot is not theirs. */
  readonly wronged: number;
  /** Slots that are a CONFIRMED booking's. */
  readonly sold: number;
  /** Of each booking that was marked: `expiredAtMs - expiresAtMs`, ms. */
  readonly markLagsMs: readonly number[];
  /** Marked before the deadline. */
  readonly early: number;
  /** Neither paid nor marked. */
  readonly unmarked: number;
}

const CLAIMS_AT_ONCE = 20;
/** Of what the audit itself claims. */
const HOLD_MS = 1_000;

/** @param stored all bookings of the sale, when every hold has lapsed */
export const auditSale = async (
  sale: Sale,
  { holds }: Pick<CrowdResult, 'holds'>,
  stored: ReadonlyMap<string, Booking>,
  { store, slots }: Pick<OpenStore, 'store' | 'slots'>,
): Promise<Audit> => {
  const slotIds = Array.from({ length: sale.slots }, (_, number) => slotIdOf(sale, number));
  const found = new Map<string, Slot>();
  for (let start = 0; start < slotIds.length; start += MAX_LOOKUP) {
    for (const slot of await slots.lookUp(slotIds.slice(start, start + MAX_LOOKUP), Date.now()))
      found.set(slot.slotId, slot);
  }
  const confirmed = [...stored.values()].filter(({ status }) => status === 'CONFIRMED');
  const buyersOf = Map.groupBy(
    confirmed.flatMap(({ bookingId, slotIds: own = [] }) => own.map((slotId) => ({ bookingId, slotId }))),
    ({ slotId }) => slotId,
  );
  const isSold = (slotId: string) => buyersOf.has(slotId);

  let leaked = 0;
  let oversold = 0;
  const left = [...slotIds];
  const claim = async (): Promise<void> => {
    for (let slotId = left.pop(); slotId !== undefined; slotId = left.pop()) {
      const claimed = { bookingId: `audit-${slotId}`, slotIds: [slotId], holdMs: HOLD_MS };
      const { kind } = await store.create(claimed, Date.now());
      if (kind === 'created' && isSold(slotId)) oversold += 1;
      if (kind !== 'created' && !isSold(slotId)) leaked += 1;
    }
  };
  await Promise.all(Array.from({ length: CLAIMS_AT_ONCE }, claim));

  const isTheirs = (bookingId: string, slotId: string) => {
    const { state, bookingId: owner } = found.get(slotId) ?? {};
    return stored.get(bookingId)?.status === 'CONFIRMED' && state === 'TAKEN' && owner === bookingId;
  };
  const expired = [...stored.values()].filter(({ status }) => status === 'EXPIRED');
  const markLagsMs = expired.map(({ expiredAtMs = Number.NaN, expiresAtMs = Number.NaN }) => expiredAtMs - expiresAtMs);
  return {
    soldTwice: [...buyersOf.values()].filter(({ length }) => length > 1).length,
    leaked,
    oversold,
    wronged: holds.filter(({ end, bookingId, slotId }) => end === 'confirmed' && !isTheirs(bookingId, slotId)).length,
    sold: buyersOf.size,
    markLagsMs,
    early: markLagsMs.filter((lagMs) => lagMs < 0).length,
    unmarked: [...stored.values()].filter(({ status }) => status === 'PENDING').length,
  };
};
