"""The commands that operators and cron jobs call."""

from datetime import timedelta
from io import StringIO

import httpx
from django.core.management import CommandError, call_command
from django.test import TestCase
from django.utils import timezone

from bookings.models import Booking, ReceivedWebhook
from bookings.services import BookingService

from .fake_service import UsesFakeService


def run(*command: str) -> str:
    """What it printed."""
    out = StringIO()
    call_command(*command, stdout=out)
    return out.getvalue().strip()


class Commands(UsesFakeService, TestCase):
    """Rows as an outage leaves them."""

    def setUp(self) -> None:
        """One of each."""
        super().setUp()
        self.now = timezone.now()
        later = self.now + timedelta(minutes=15)
        make = Booking.objects.create
        self.lapsed = make(seat="lapsed", expires_at=self.now)
        self.missing = make(seat="missing", expires_at=later)
        self.moved = make(seat="moved", expires_at=later, timer_expires_at=self.now)
        self.paid = make(
            seat="paid", status="CONFIRMED", expires_at=later, timer_expires_at=later
        )
        self.fine = make(seat="fine", expires_at=later, timer_expires_at=later)

    def test_the_old_command_says_how_many(self):
        self.assertEqual(run("expire_bookings", "--grace", "60"), "Expired 0 bookings")
        self.assertEqual(run("expire_bookings"), "Expired 1 bookings")

    def test_reconcile_does_what_is_left_and_nothing_twice(self):
        would = "Would expire 1 bookings, set 2 timers, stop 1 timers"
        self.assertEqual(run("reconcile_bookings", "--dry-run"), would)
        self.assertEqual(self.service.requests, [])
        done = "Expired 1 bookings, set 2 timers, stopped 1 timers"
        self.assertEqual(run("reconcile_bookings"), done)
        nothing = "Expired 0 bookings, set 0 timers, stopped 0 timers"
        self.assertEqual(run("reconcile_bookings"), nothing)
        self.lapsed.refresh_from_db()
        self.assertEqual(self.lapsed.status, "EXPIRED")
        expected = {str(self.missing.pk), str(self.moved.pk)}
        self.assertEqual(set(self.service.bookings), expected)

    def test_with_all_also_those_that_should_have_a_timer(self):
        done = "Expired 1 bookings, set 3 timers, stopped 1 timers"
        self.assertEqual(run("reconcile_bookings", "--all"), done)
        self.assertIn(str(self.fine.pk), self.service.bookings)

    def test_what_cannot_be_told_fails_and_is_done_by_the_next_run(self):
        self.service.answers = [httpx.ConnectError("refused")] * 3
        with self.assertLogs(level="WARNING"):
            with self.assertRaisesRegex(CommandError, "3 failed"):
                run("reconcile_bookings")
        done = "Expired 0 bookings, set 2 timers, stopped 1 timers"
        self.assertEqual(run("reconcile_bookings"), done)

    def test_what_is_too_near_for_a_timer_is_waited_for(self):
        near = Booking.objects.create(
            seat="near", expires_at=timezone.now() + timedelta(milliseconds=300)
        )
        done = "Expired 2 bookings, set 2 timers, stopped 1 timers"
        self.assertEqual(run("reconcile_bookings"), done)
        near.refresh_from_db()
        self.assertEqual(near.status, "EXPIRED")
        self.assertGreaterEqual(near.expired_at, near.expires_at)

    def test_without_an_address_it_only_expires(self):
        with self.settings(BOOKING_EXPIRY_URL=""):
            done = "Expired 1 bookings, set 0 timers, stopped 0 timers"
            self.assertEqual(run("reconcile_bookings"), done)

    def test_webhooks_are_forgotten_when_none_can_come_again(self):
        for days in (14, 16):
            ReceivedWebhook.objects.create(webhook_id=f"msg_{days}")
            ReceivedWebhook.objects.filter(webhook_id=f"msg_{days}").update(
                received_at=self.now - timedelta(days=days)
            )
        run("reconcile_bookings")
        self.assertEqual(ReceivedWebhook.objects.get().pk, "msg_14")

    def test_a_booking_that_is_paid_meanwhile_is_not_expired(self):
        BookingService.confirm(self.missing.pk)
        run("reconcile_bookings")
        self.missing.refresh_from_db()
        self.assertEqual(self.missing.status, "CONFIRMED")
