"""What the webhook's view answers, and what it changes."""

import json
import uuid
from datetime import datetime, timedelta, timezone
from typing import Any
from unittest.mock import patch

from django.test import Client, TestCase, override_settings
from django.utils import timezone as django_timezone
from standardwebhooks import Webhook

from bookings.models import Booking, ReceivedWebhook
from bookings.services import BookingService

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
ADDRESS = "/webhooks/booking-expiry/"


@override_settings(BOOKING_EXPIRY_WEBHOOK_SECRET=SECRET, BOOKING_EXPIRY_URL="")
class Webhooks(TestCase):
    """One row, and what comes for it."""

    def setUp(self) -> None:
        """The deadline has just passed."""
        self.now = django_timezone.now()
        self.booking = Booking.objects.create(seat="7A", expires_at=self.now)

    def post(
        self,
        booking_id: Any = None,
        *,
        type: str = "BookingExpired",
        webhook_id: str | None = None,
        secrets: tuple[str, ...] = (SECRET,),
        sent_at: datetime | None = None,
        expires_at: datetime | None = None,
        tampered: bytes = b"",
    ):
        """Signed as the service signs."""
        webhook_id = webhook_id or f"msg_{uuid.uuid4()}"
        sent_at = sent_at or self.now
        data = {
            "version": 1,
            "eventId": webhook_id,
            "bookingId": str(booking_id or self.booking.pk),
            "expiresAt": (expires_at or self.now).isoformat(),
        }
        body = json.dumps(
            {"type": type, "timestamp": sent_at.isoformat(), "data": data}
        )
        signatures = [
            Webhook(secret).sign(webhook_id, sent_at, body) for secret in secrets
        ]
        return Client().post(
            ADDRESS,
            body.encode() + tampered,
            content_type="application/json",
            headers={
                "webhook-id": webhook_id,
                "webhook-timestamp": str(int(sent_at.timestamp())),
                "webhook-signature": " ".join(signatures),
            },
        )

    def expect(self, answer, status: int, text: str, row: str) -> None:
        """The answer, and what the row is then."""
        self.assertEqual(
            (answer.status_code, answer.content.decode()), (status, f"{text}\n")
        )
        self.booking.refresh_from_db()
        self.assertEqual(self.booking.status, row)

    def test_a_lapsed_booking_expires(self):
        self.expect(self.post(), 200, "expired", "EXPIRED")
        self.assertGreaterEqual(self.booking.expired_at, self.booking.expires_at)

    def test_a_repetition_is_dropped(self):
        self.post(webhook_id="msg_1")
        self.expect(self.post(webhook_id="msg_1"), 200, "repeated", "EXPIRED")
        self.expect(self.post(webhook_id="msg_2"), 200, "nothing to do", "EXPIRED")

    def test_settled_rows_stay_as_they_are(self):
        for status in ("CONFIRMED", "CANCELLED", "EXPIRED"):
            Booking.objects.update(status=status)
            self.expect(self.post(), 200, "nothing to do", status)

    def test_unknown_rows_and_ids_of_others_are_fine(self):
        for unknown in (uuid.uuid4(), "seat-7"):
            self.expect(self.post(unknown), 200, "nothing to do", "PENDING")

    def test_a_second_timer_of_an_extended_row_is_for_that_row(self):
        answer = self.post(f"{self.booking.pk}~20261201T100000000Z")
        self.expect(answer, 200, "expired", "EXPIRED")

    def test_a_row_whose_deadline_was_moved_stays_held(self):
        Booking.objects.update(expires_at=self.now + timedelta(minutes=5))
        self.expect(self.post(), 200, "nothing to do", "PENDING")

    def test_a_clock_that_is_behind_makes_the_service_try_again(self):
        later = self.now + timedelta(seconds=20)
        Booking.objects.update(expires_at=later)
        answer = self.post(webhook_id="msg_1", expires_at=later)
        self.expect(answer, 503, "not yet by this server's clock", "PENDING")
        Booking.objects.update(expires_at=self.now)
        # The first try was not noted as handled.
        self.expect(self.post(webhook_id="msg_1"), 200, "expired", "EXPIRED")

    def test_other_types_are_ignored(self):
        answer = self.post(type="BookingExpiring")
        self.expect(answer, 200, "ignored", "PENDING")

    def test_what_is_not_signed_by_the_secret_is_refused(self):
        refused = "the signature is not right"
        self.expect(self.post(secrets=(OTHER,)), 400, refused, "PENDING")
        self.expect(self.post(tampered=b" "), 400, refused, "PENDING")
        old = self.now - timedelta(minutes=6)
        self.expect(self.post(sent_at=old), 400, refused, "PENDING")
        for headers in (
            {},
            {"webhook-id": "1", "webhook-timestamp": "x", "webhook-signature": "v1,x"},
            {
                "webhook-id": "1",
                "webhook-timestamp": str(int(self.now.timestamp())),
                "webhook-signature": "nonsense",
            },
        ):
            answer = Client().post(
                ADDRESS, b"\xff", content_type="application/json", headers=headers
            )
            self.expect(answer, 400, refused, "PENDING")
        self.assertEqual(ReceivedWebhook.objects.count(), 0)

    def test_one_right_signature_of_two_is_enough_while_the_secret_changes(self):
        answer = self.post(secrets=(OTHER, SECRET))
        self.expect(answer, 200, "expired", "EXPIRED")

    def test_a_failure_is_not_noted_as_handled(self):
        with patch.object(BookingService, "expire", side_effect=RuntimeError("busy")):
            client = Client(raise_request_exception=False)
            with patch("bookings.tests.test_webhooks.Client", return_value=client):
                self.assertEqual(self.post(webhook_id="msg_1").status_code, 500)
        self.expect(self.post(webhook_id="msg_1"), 200, "expired", "EXPIRED")

    def test_only_post(self):
        self.assertEqual(Client().get(ADDRESS).status_code, 405)

    def test_the_csrf_middleware_does_not_stand_in_the_way(self):
        client = Client(enforce_csrf_checks=True)
        with patch("bookings.tests.test_webhooks.Client", return_value=client):
            self.expect(self.post(), 200, "expired", "EXPIRED")

    def test_without_a_secret_nothing_is_believed(self):
        with self.settings(BOOKING_EXPIRY_WEBHOOK_SECRET=""):
            client = Client(raise_request_exception=False)
            with patch("bookings.tests.test_webhooks.Client", return_value=client):
                self.assertEqual(self.post().status_code, 500)
        self.booking.refresh_from_db()
        self.assertEqual(self.booking.status, "PENDING")
