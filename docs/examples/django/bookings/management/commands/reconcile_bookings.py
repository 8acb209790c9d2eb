"""After an outage, or now and then: what the requests and the webhooks could not do is done."""

from argparse import ArgumentParser
from collections.abc import Callable, Iterable
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
            BookingService.expire(pk)
            for pk in list(lapsed.values_list("pk", flat=True))
        )
        set_now = stopped = failed = 0
        if timer.is_on():
            # What lapses within a second is too near for a timer: the next run finds it, marked or lapsed.
            far_enough = timezone.now() + timer.SHORTEST_HOLD
            set_now, failed = _each(
                missing.filter(expires_at__gt=far_enough), set_timer
            )
            stopped, not_stopped = _each(settled, stop_timer)
            failed += not_stopped
        forgotten = timezone.now() - KEEP_RECEIVED
        ReceivedWebhook.objects.filter(received_at__lt=forgotten).delete()
        self.stdout.write(
            f"Expired {expired} bookings, set {set_now} timers, stopped {stopped} timers"
        )
        if failed:
            raise CommandError(f"{failed} failed: see the log, and run this again")


def _each(
    bookings: Iterable[Booking], tell: Callable[[Booking], bool]
) -> tuple[int, int]:
    outcomes = [tell(booking) for booking in list(bookings)]
    done = sum(outcomes)
    return done, len(outcomes) - done
