/** What a sweep needs to schedule far bookings that come near: the timer queue, and its state in a table of its own. */
import { SWEEP_STATE_ATTRIBUTES, SWEEP_STATE_ID } from '../contract.ts';
import { readTimeMs } from '../core/hold-time.ts';
import type { SweepScheduling, TimerTransport } from '../core/ports.ts';
import { isAsSeen } from '../table/conditional-write.ts';
import { asStored } from '../table/item.ts';
import type { Table } from '../table/table.ts';

const KEY = { [SWEEP_STATE_ATTRIBUTES.stateId]: { S: SWEEP_STATE_ID } };
const REACHED = SWEEP_STATE_ATTRIBUTES.scheduledThroughMs;

/**
 * @param queue the timer queue
 * @param stateTable the sweep's own table
 */
export const sweepScheduling = (queue: TimerTransport, stateTable: Table): SweepScheduling => ({
  send: (timers) => queue.send(timers),
  readState: async () => {
    const item = (await stateTable.get(KEY)) ?? {};
    return {
      scheduledThroughMs: readTimeMs(item[REACHED]?.N) ?? 0,
      // Unless another sweep has noted something since: that one's note is as true. So it may move back, where what was noted
      // is void, and no late duplicate of an older note undoes a newer one.
      moveTo: async (scheduledThroughMs) => {
        await stateTable.write(KEY, {
          set: { [REACHED]: scheduledThroughMs },
          remove: [],
          condition: [isAsSeen(REACHED, asStored(item, REACHED))],
        });
      },
    };
  },
});
