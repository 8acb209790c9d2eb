"""The row decides, and the service hears of it afterwards."""

import json
import uuid
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from unittest.mock import patch

import httpx
from django.db import transaction
from django.test import TestCase, TransactionTestCase

from bookings import timer
from bookings.models import Booking, Status
from bookings.services import BookingService
from bookings.signals import booking_expired

from .fake_service import UsesFakeService

START = datetime(2026, 12, 1, 10, tzinfo=timezone.utc)
HOLD = timedelta(minutes=15)
MILLISECOND = timedelta(milliseconds=1)


def at(moment: datetime):
    """The clock stands at this moment."""
    return patch("django.utils.timezone.now", return_value=moment)


class Moves(UsesFakeService, TestCase):
    """Every pair of a status and a move, and the millisecond on each side of the deadline."""

    def given(self, status: str = Status.PENDING) -> Booking:
        """A booking that holds until START + HOLD."""
        return Booking.objects.create(seat="7A", status=status, expires_at=START + HOLD)

    def status_of(self, booking: Booking) -> str:
        """As the row has it."""
        return Booking.objects.get(pk=booking.pk).status

    def test_paid_one_millisecond_before_the_deadline_is_confirmed(self):
        booking = self.given()
        with at(START + HOLD - MILLISECOND):
            self.assertTrue(BookingService.confirm(booking.pk))
            self.assertFalse(BookingService.expire(booking.pk))
        with at(START + HOLD):
            self.assertFalse(BookingService.expire(booking.pk))
        self.assertEqual(self.status_of(booking), "CONFIRMED")

    def test_paid_at_the_deadline_or_one_millisecond_late_is_refused(self):
        for late in (timedelta(), MILLISECOND):
            booking = self.given()
            with at(START + HOLD + late):
                self.assertFalse(BookingService.confirm(booking.pk))
                self.assertTrue(BookingService.expire(booking.pk))
                self.assertFalse(BookingService.confirm(booking.pk))
            self.assertEqual(self.status_of(booking), "EXPIRED")

    def test_each_move_from_each_status(self):
        moves = {
            "confirm": (BookingService.confirm, {"PENDING"}, START),
            "cancel": (BookingService.cancel, {"PENDING", "CONFIRMED"}, START),
            "expire": (BookingService.expire, {"PENDING"}, START + HOLD),
        }
        for name, (move, allowed, moment) in moves.items():
            for status in Status.values:
                with self.subTest(move=name, status=status), at(moment):
                    booking = self.given(status)
                    self.assertEqual(move(booking.pk), status in allowed)
                    if status not in allowed:
                        self.assertEqual(self.status_of(booking), status)

    def test_a_lapsed_booking_can_be_neither_cancelled_nor_extended(self):
        booking = self.given()
        with at(START + HOLD):
            self.assertFalse(BookingService.cancel(booking.pk))
            self.assertFalse(
                BookingService.extend(booking.pk, START + timedelta(days=1))
            )

    def test_the_old_way_expires_what_has_lapsed_longer_than_the_grace_ago(self):
        booking = self.given()
        with at(START + HOLD + timedelta(seconds=9)):
            grace = timedelta(seconds=10)
            self.assertEqual(BookingService.auto_expire_bookings(grace), 0)
            self.assertEqual(BookingService.auto_expire_bookings(), 1)
        self.assertEqual(self.status_of(booking), "EXPIRED")

    def test_the_effective_status_needs_nobody_to_mark_it(self):
        booking = self.given()
        with at(START + HOLD - MILLISECOND):
            self.assertEqual(booking.effective_status(), "PENDING")
            self.assertEqual(Booking.objects.held().count(), 1)
        with at(START + HOLD):
            self.assertEqual(booking.effective_status(), "EXPIRED")
            marked = Booking.objects.with_effective_status().get()
            self.assertEqual((marked.status, marked.effective), ("PENDING", "EXPIRED"))
            self.assertEqual(Booking.objects.held().count(), 0)

    def test_what_follows_an_expiry_is_kept_or_lost_with_it(self):
        booking = self.given()

        def fail(**_: object) -> None:
            raise RuntimeError("the seat could not be freed")

        booking_expired.connect(fail)
        self.addCleanup(booking_expired.disconnect, fail)
        with at(START + HOLD), self.assertRaises(RuntimeError):
            BookingService.expire(booking.pk)
        self.assertEqual(self.status_of(booking), "PENDING")
        booking_expired.disconnect(fail)
        heard = []

        def note(booking_id: uuid.UUID, **_: object) -> None:
            heard.append(booking_id)

        booking_expired.connect(note)
        self.addCleanup(booking_expired.disconnect, note)
        with at(START + HOLD):
            BookingService.expire(booking.pk)
            BookingService.expire(booking.pk)
        self.assertEqual(heard, [booking.pk])


class Timers(UsesFakeService, TransactionTestCase):
    """What the service is told, and when: with real commits."""

    def test_a_timer_is_set_at_the_commit_and_not_before(self):
        with transaction.atomic():
            booking = BookingService.create("7A", HOLD)
            self.assertEqual(self.service.requests, [])
        self.assertIn(str(booking.pk), self.service.bookings)
        booking.refresh_from_db()
        self.assertEqual(booking.timer_expires_at, booking.expires_at)

    def test_a_rollback_leaves_no_timer(self):
        with self.assertRaises(RuntimeError), transaction.atomic():
            BookingService.create("7A", HOLD)
            raise RuntimeError("the payment provider is down")
        self.assertEqual(self.service.requests, [])

    def test_nothing_that_goes_wrong_at_the_service_reaches_the_request(self):
        for wrong in (
            httpx.ConnectError("refused"),
            httpx.ReadTimeout("too slow"),
            httpx.Response(503),
            httpx.Response(403, text="Forbidden"),
            httpx.Response(201, text="<html>something else"),
            ZeroDivisionError("a bug"),
        ):
            with self.subTest(wrong=wrong):
                self.service.answers = [wrong]
                with self.assertLogs(level="WARNING"):
                    booking = BookingService.create("7A", HOLD)
                booking.refresh_from_db()
                self.assertIsNone(booking.timer_expires_at)
                self.assertEqual(booking.status, "PENDING")

    def test_floats_datetimes_uuids_and_decimals_in_details_are_safe(self):
        details = {
            "weight": 1.5,
            "from": START,
            "customer": uuid.UUID(int=7),
            "price": Decimal("19.90"),
        }
        booking = BookingService.create("7A", HOLD, details)
        kept = {
            "weight": 1.5,
            "from": "2026-12-01T10:00:00Z",
            "customer": "00000000-0000-0000-0000-000000000007",
            "price": "19.90",
        }
        booking.refresh_from_db()
        self.assertEqual(booking.details, kept)
        sent = json.loads(self.service.requests[0].content)
        self.assertEqual(sent["details"], kept)

    def test_details_that_the_service_refuses_do_not_cost_the_timer(self):
        self.service.answers = [httpx.Response(400)]
        booking = BookingService.create("7A", HOLD, {"big": 2**60})
        self.assertNotIn("details", self.service.bookings[str(booking.pk)]["body"])
        booking.refresh_from_db()
        self.assertEqual(booking.timer_expires_at, booking.expires_at)

    def test_settling_stops_the_timer(self):
        paid, given_back = (BookingService.create("7A", HOLD) for _ in range(2))
        BookingService.confirm(paid.pk)
        BookingService.cancel(given_back.pk)
        for booking, status in ((paid, "CONFIRMED"), (given_back, "CANCELLED")):
            self.assertEqual(self.service.bookings[str(booking.pk)]["status"], status)
            booking.refresh_from_db()
            self.assertIsNone(booking.timer_expires_at)

    def test_a_payment_stands_although_the_service_cannot_be_told(self):
        booking = BookingService.create("7A", HOLD)
        self.service.answers = [httpx.ConnectError("refused")]
        with self.assertLogs(level="WARNING"):
            self.assertTrue(BookingService.confirm(booking.pk))
        booking.refresh_from_db()
        self.assertEqual(booking.status, "CONFIRMED")

    def test_an_extension_moves_the_timer(self):
        booking = BookingService.create("7A", HOLD)
        later = booking.expires_at + HOLD
        self.assertTrue(BookingService.extend(booking.pk, later))
        known = self.service.bookings[str(booking.pk)]
        self.assertEqual(known["expiresAt"], timer.deadline_text(later))

    def test_an_extended_row_whose_timer_is_over_gets_a_second_one(self):
        booking = BookingService.create("7A", HOLD)
        self.service.bookings[str(booking.pk)]["status"] = "EXPIRED"
        later = booking.expires_at + HOLD
        BookingService.extend(booking.pk, later)
        [second] = set(self.service.bookings) - {str(booking.pk)}
        self.assertEqual(timer.row_id(second), booking.pk)
        self.assertRegex(second, r"^[A-Za-z0-9._:~-]{1,128}$")
        self.assertEqual(
            self.service.bookings[second]["expiresAt"], timer.deadline_text(later)
        )

    def test_without_an_address_there_are_no_timers(self):
        with self.settings(BOOKING_EXPIRY_URL=""):
            booking = BookingService.create("7A", HOLD)
            self.assertTrue(BookingService.confirm(booking.pk))
        self.assertEqual(self.service.requests, [])
