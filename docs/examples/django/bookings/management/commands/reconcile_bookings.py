"""After an outage, or now and then: what the requests and the webhooks could not do is done."""

import time
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from bookings import timer
from bookings.models import Booking, ReceivedWebhook, Status
from bookings.services import BookingService, set_timer, stop_timer

# The service sends a webhook again for up to two weeks, if somebody asks it to.
KEEP_RECEIVED = timedelta(days=15)


class Command(BaseCommand):
    """Safe at any time, also twice at once: each step is a conditional UPDATE or a request that may be repeated."""

    help = (
        "Expires the bookings that lapsed unnoticed, sets the timers that are missing, "
        "and stops those of bookings that were settled."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How much, and whether at all."""
        parser.add_argument(
            "--dry-run", action="store_true", help="only say what would be done"
        )
        parser.add_argument(
            "--all",
            action="store_true",
            help="set the timers of all held bookings: after the service lost its table",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Says what was done; fails where the service could not be told."""
        lapsed = Booking.objects.lapsed()
        held = Booking.objects.held() if options["all"] else None
        missing = held if held is not None else Booking.objects.without_timer()
        settled = Booking.objects.filter(
            status__in=[Status.CONFIRMED, Status.CANCELLED],
            timer_expires_at__gt=timezone.now(),
        )
        if options["dry_run"]:
            self.stdout.write(
                f"Would expire {lapsed.count()} bookings, set {missing.count()} timers, "
                f"stop {settled.count()} timers"
            )
            return
        expired = sum(
            map(BookingService.expire, list(lapsed.values_list("pk", flat=True)))
        )
        done = failed = stopped = 0
        if timer.is_on():
            near = []
            for booking in list(missing):
                if booking.expires_at - timezone.now() < timer.TOO_NEAR:
                    near.append(booking)
                elif set_timer(booking):
                    done += 1
                else:
                    failed += 1
            for booking in list(settled):
                if stop_timer(booking):
                    stopped += 1
                else:
                    failed += 1
            expired += _expire_when_they_lapse(near)
        forgotten = timezone.now() - KEEP_RECEIVED
        ReceivedWebhook.objects.filter(received_at__lt=forgotten).delete()
        self.stdout.write(
            f"Expired {expired} bookings, set {done} timers, stopped {stopped} timers"
        )
        if failed:
            raise CommandError(f"{failed} failed: see the log, and run this again")


def _expire_when_they_lapse(near: list[Booking]) -> int:
    """Waits for what is too near for a timer: two seconds at most."""
    if not near:
        return 0
    last = max(booking.expires_at for booking in near)
    time.sleep(max(0.0, (last - timezone.now()).total_seconds()))
    return sum(BookingService.expire(booking.pk) for booking in near)
