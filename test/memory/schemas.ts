/** What the service's tables are made of, for a table in memory. */
import { SWEEP_STATE_ATTRIBUTES } from '../../functions/contract.ts';
import { BOOKINGS_SHAPE, SLOT_ATTRIBUTES } from '../../functions/table/shape.ts';
import type { TableSchema } from './table-state.ts';

const { key, indexName, attributes } = BOOKINGS_SHAPE;

/** The bookings, with the sparse index of those that are PENDING. */
export const BOOKINGS_SCHEMA: TableSchema = {
  key: key.partition.name,
  index: {
    name: indexName,
    partition: attributes.pendingShard,
    sort: attributes.expiresAtMs,
    projected: [attributes.holdStartedAtMs],
  },
};

/** The sweep's own state. */
export const SWEEP_STATE_SCHEMA: TableSchema = { key: SWEEP_STATE_ATTRIBUTES.stateId };

/** The slots. */
export const SLOTS_SCHEMA: TableSchema = { key: SLOT_ATTRIBUTES.slotId };
