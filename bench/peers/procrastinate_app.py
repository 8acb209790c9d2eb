"""procrastinate: a job with schedule_at for each booking. What both the worker and the producer must know of it."""

import json
import os
import sys
import time

import procrastinate
from psycopg_pool import AsyncConnectionPool

PG_URL = os.environ["PG_URL"]
STALLED_SECONDS = 10

app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=PG_URL, min_size=4, max_size=24))
bookings = AsyncConnectionPool(PG_URL, min_size=20, max_size=20, open=False, kwargs={"autocommit": True})


def clock_ms() -> int:
    return time.time_ns() // 1_000_000


def say(line: object) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


@app.task(name="expire-booking")
async def expire(booking_id: str, expires_at_ms: int) -> None:
    now_ms = clock_ms()
    async with bookings.connection() as connection:
        done = await connection.execute(
            "UPDATE bookings SET status = 'EXPIRED', expired_at_ms = %s"
            " WHERE booking_id = %s AND status = 'PENDING' AND expires_at_ms <= %s",
            (now_ms, booking_id, now_ms),
        )
    if done.rowcount == 1:
        say({"bookingId": booking_id, "expiresAtMs": expires_at_ms, "nowMs": now_ms, "doneMs": clock_ms()})


# Its guide (Retry stalled jobs) has a periodic task that gives the jobs of a dead worker to another: here as often as cron can say.
@app.periodic(cron="* * * * * */5")
@app.task(name="retry-stalled", queueing_lock="retry-stalled", pass_context=True)
async def retry_stalled(context: procrastinate.JobContext, timestamp: int) -> None:
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
        await app.job_manager.retry_job(job)
