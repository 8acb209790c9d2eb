/** What the service's two tables are made of, for a table in memory. */
import { SWEEP_STATE_ATTRIBUTES } from '../../functions/contract.ts';
import { BOOKINGS_SHAPE as SHAPE } from '../../functions/table/shape.ts';
import type { TableShape } from './table-state.ts';

const { key, indexName, attributes } = SHAPE;

/** The bookings, with the sparse index of those that are PENDING. */
export const BOOKINGS_SHAPE: TableShape = {
  key: key.partition.name,
  index: {
    name: indexName,
    partition: attributes.pendingShard,
    sort: attributes.expiresAtMs,
    projected: [attributes.holdStartedAtMs],
  },
};

/** The sweep's own state. */
export const SWEEP_STATE_SHAPE: TableShape = { key: SWEEP_STATE_ATTRIBUTES.stateId };
