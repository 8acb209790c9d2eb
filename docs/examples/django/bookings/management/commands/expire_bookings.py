"""The old way, from a cron job. Beside the new way it is a backstop."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand

from bookings.services import BookingService


class Command(BaseCommand):
    """One UPDATE over all bookings."""

    help = "Expires every PENDING booking whose deadline has passed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The grace."""
        parser.add_argument(
            "--grace",
            type=int,
            default=0,
            metavar="SECONDS",
            help="only what lapsed longer ago: what the timers missed",
        )

    def handle(self, *args: Any, grace: int, **options: Any) -> None:
        """Says how many there were."""
        expired = BookingService.auto_expire_bookings(timedelta(seconds=grace))
        self.stdout.write(f"Expired {expired} bookings")
