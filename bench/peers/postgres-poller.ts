/** A poller of one's own: every so often one UPDATE expires all that is due. There are no jobs, only bookings and an index. */
import { setTimeout as sleep } from 'node:timers/promises';
import { pool, report, runPeer } from './program.ts';

const PERIOD_MS = Number(process.env.POLL_MS);

/** Several pollers could run: what one has locked, another skips. */
const EXPIRE_DUE = `
  WITH due AS (
    SELECT booking_id FROM bookings WHERE status = 'PENDING' AND expires_at_ms <= $1
    ORDER BY expires_at_ms LIMIT 1000 FOR UPDATE SKIP LOCKED)
  UPDATE bookings SET status = 'EXPIRED', expired_at_ms = $1 FROM due WHERE bookings.booking_id = due.booking_id
  RETURNING bookings.booking_id, bookings.expires_at_ms`;

interface Row {
  readonly booking_id: string;
  readonly expires_at_ms: string;
}

const poll = async (): Promise<never> => {
  for (let dueMs = performance.now(); ; ) {
    const nowMs = Date.now();
    try {
      const { rows } = await pool.query<Row>({ name: 'expire-due', text: EXPIRE_DUE, values: [nowMs] });
      const doneMs = Date.now();
      for (const row of rows) {
        report({ bookingId: row.booking_id, expiresAtMs: Number(row.expires_at_ms), nowMs, doneMs });
      }
    } catch (error) {
      console.error(String(error));
    }
    const readyMs = performance.now();
    dueMs = Math.max(dueMs + PERIOD_MS, readyMs);
    await sleep(dueMs - readyMs);
  }
};

await runPeer({
  work: async () => {
    await pool.query(
      `CREATE INDEX IF NOT EXISTS pending_by_expiry ON bookings (expires_at_ms) WHERE status = 'PENDING'`,
    );
    void poll();
  },
  produce: async () => async () => {},
});
