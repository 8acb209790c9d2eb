/** What the service's two tables are made of, for a table in memory. */
import { BOOKING_ATTRIBUTES, PENDING_INDEX, SWEEP_STATE_ATTRIBUTES } from '../../functions/contract.ts';
import type { TableShape } from './table-state.ts';

/** The bookings, with the sparse index of those that are PENDING. */
export const BOOKINGS_SHAPE: TableShape = {
  key: BOOKING_ATTRIBUTES.bookingId,
  index: {
    name: PENDING_INDEX,
    partition: BOOKING_ATTRIBUTES.pendingShard,
    sort: BOOKING_ATTRIBUTES.expiresAtMs,
    projected: [BOOKING_ATTRIBUTES.holdStartedAtMs],
  },
};

/** The sweep's own state. */
export const SWEEP_STATE_SHAPE: TableShape = { key: SWEEP_STATE_ATTRIBUTES.stateId };
