"""The programs of procrastinate, which do what program.ts does for the peers written for Node.

Started as `procrastinate_worker.py <role>`: the worker prints a line of JSON for each booking that it has expired, the producer reads
plans and says how far behind it was. Both end with their standard input.
"""

import asyncio
import json
import os
import sys
import threading
import time
from datetime import datetime, timezone

from procrastinate_app import STALLED_SECONDS, app, bookings, clock_ms, expire, say

CONCURRENCY = 20
# The default is 5 s. New jobs are notified, jobs that come due are polled for.
POLL_SECONDS = 0.01


async def work() -> None:
    await bookings.open()
    async with app.open_async():
        async with bookings.connection() as connection:
            await connection.execute(
                "CREATE TABLE IF NOT EXISTS bookings (booking_id text PRIMARY KEY, status text NOT NULL,"
                " expires_at_ms bigint NOT NULL, expired_at_ms bigint)"
            )
            known = await connection.execute("SELECT to_regclass('procrastinate_jobs')")
            (table,) = await known.fetchone()
        if table is None:
            await app.schema_manager.apply_schema_async()
        asyncio.get_running_loop().call_later(0.5, lambda: print("ready", flush=True))
        await app.run_worker_async(
            concurrency=CONCURRENCY,
            fetch_job_polling_interval=POLL_SECONDS,
            # A notification announces new jobs, none of which is due: each would be one more poll for nothing.
            listen_notify=False,
            delete_jobs="always",
            update_heartbeat_interval=2,
            stalled_worker_timeout=STALLED_SECONDS,
            install_signal_handlers=False,
        )


async def create(booking_id: str, hold_ms: int) -> None:
    expires_at_ms = clock_ms() + hold_ms
    async with bookings.connection() as connection:
        await connection.execute(
            "INSERT INTO bookings (booking_id, status, expires_at_ms) VALUES (%s, 'PENDING', %s)",
            (booking_id, expires_at_ms),
        )
    schedule_at = datetime.fromtimestamp(expires_at_ms / 1_000, tz=timezone.utc)
    await expire.configure(schedule_at=schedule_at).defer_async(booking_id=booking_id, expires_at_ms=expires_at_ms)


async def write(plan: dict) -> float:
    """Returns the ms by which the last write was acknowledged after the last booking was due to be created."""
    started = time.monotonic()
    writes = []
    for number in range(plan["bookings"]):
        ahead = started + number / plan["perSecond"] - time.monotonic()
        await asyncio.sleep(max(0.0, ahead))
        writes.append(asyncio.create_task(create(f"{plan['prefix']}{number}", plan["holdMs"])))
    await asyncio.gather(*writes)
    return (time.monotonic() - started - plan["bookings"] / plan["perSecond"]) * 1_000


async def produce() -> None:
    await bookings.open()
    async with app.open_async():
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            say({"written": True, "behindMs": await write(json.loads(line))})


def end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)


role = sys.argv[1] if len(sys.argv) > 1 else ""
if role == "worker":
    threading.Thread(target=end_with_input, daemon=True).start()
    asyncio.run(work())
elif role == "producer":
    asyncio.run(produce())
else:
    sys.exit(f"role must be worker or producer, got {role!r}")
