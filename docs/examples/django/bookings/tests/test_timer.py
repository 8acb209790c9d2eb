"""Deadlines as text, and signed requests."""

import json
import uuid
from datetime import datetime, timedelta, timezone
from unittest.mock import patch

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from django.core.exceptions import ImproperlyConfigured
from django.test import SimpleTestCase

from bookings import timer

from .fake_service import UsesFakeService

DEADLINE = datetime(2026, 12, 1, 10, tzinfo=timezone.utc)


class Deadlines(SimpleTestCase):
    """Never early, and never in a time zone that nobody named."""

    def test_microseconds_go_up_to_the_next_millisecond(self):
        for microsecond, text in (
            (0, "10:00:00.000Z"),
            (1, "10:00:00.001Z"),
            (1000, "10:00:00.001Z"),
            (999_001, "10:00:01.000Z"),
        ):
            deadline = DEADLINE.replace(microsecond=microsecond)
            self.assertEqual(timer.deadline_text(deadline), f"2026-12-01T{text}")

    def test_other_time_zones_become_utc(self):
        in_berlin = DEADLINE.astimezone(timezone(timedelta(hours=1)))
        self.assertEqual(timer.deadline_text(in_berlin), "2026-12-01T10:00:00.000Z")

    def test_a_naive_datetime_is_refused(self):
        with self.assertRaisesRegex(ValueError, "naive"):
            timer.deadline_text(DEADLINE.replace(tzinfo=None))

    def test_ids_of_others_are_for_no_row(self):
        for other in ("", "seat-7", "~", "7A~20261201"):
            self.assertIsNone(timer.row_id(other))


class Repetitions(UsesFakeService, SimpleTestCase):
    """What has been told may be told again."""

    def test_the_same_timer_twice_is_one(self):
        booking_id = uuid.uuid4()
        for _ in range(2):
            timer.ensure(booking_id, DEADLINE, {})
        self.assertEqual(list(self.service.bookings), [str(booking_id)])

    def test_a_settled_or_unknown_booking_is_fine(self):
        timer.settle(uuid.uuid4(), confirmed=True)
        self.service.answers = [httpx.Response(409)]
        timer.settle(uuid.uuid4(), confirmed=True)

    def test_a_failure_is_not(self):
        for wrong in (httpx.Response(403), httpx.Response(500)):
            self.service.answers = [wrong]
            with self.assertRaises(timer.TimerError):
                timer.settle(uuid.uuid4(), confirmed=True)


class SignedCalls(UsesFakeService, SimpleTestCase):
    """By AWS credentials, or by a token."""

    def test_sigv4_signs_what_is_sent(self):
        credentials = Credentials("AKIDEXAMPLE", "not-a-real-key", "a-session")
        with (
            self.settings(
                BOOKING_EXPIRY_AUTH="sigv4", BOOKING_EXPIRY_REGION="eu-central-1"
            ),
            patch.object(timer.Session, "get_credentials", return_value=credentials),
        ):
            timer.ensure(uuid.uuid4(), DEADLINE, {"seat": "7A"})
        [request] = self.service.requests
        self.assertIn("/eu-central-1/execute-api/", request.headers["authorization"])
        self.assertEqual(request.headers["x-amz-security-token"], "a-session")
        # The receiver's side of it: the signature fits this body, and no other one.
        for body, same in ((request.content, True), (b"{}", False)):
            again = AWSRequest(
                method="POST",
                url=str(request.url),
                data=body,
                headers={"content-type": "application/json"},
            )
            again.context["timestamp"] = request.headers["x-amz-date"]
            signer = SigV4Auth(
                credentials.get_frozen_credentials(), "execute-api", "eu-central-1"
            )
            again.headers["X-Amz-Date"] = request.headers["x-amz-date"]
            again.headers["X-Amz-Security-Token"] = "a-session"
            text = signer.string_to_sign(again, signer.canonical_request(again))
            signature = signer.signature(text, again)
            self.assertEqual(signature in request.headers["authorization"], same)

    def test_without_credentials_it_says_so(self):
        with (
            self.settings(BOOKING_EXPIRY_AUTH="sigv4", BOOKING_EXPIRY_REGION="x"),
            patch.object(timer.Session, "get_credentials", return_value=None),
            self.assertRaisesRegex(timer.TimerError, "no AWS credentials"),
        ):
            timer.ensure(uuid.uuid4(), DEADLINE, {})

    def test_a_token_is_asked_for_once_and_sent_with_each_call(self):
        self.service.answers = [
            httpx.Response(200, json={"access_token": "t-1", "expires_in": 3600})
        ]
        with self.settings(
            BOOKING_EXPIRY_AUTH="jwt",
            BOOKING_EXPIRY_TOKEN_URL="https://login.test/token",
            BOOKING_EXPIRY_CLIENT_ID="shop",
            BOOKING_EXPIRY_CLIENT_SECRET="not-a-real-secret",
            BOOKING_EXPIRY_SCOPE="bookings/write",
        ):
            for _ in range(2):
                timer.ensure(uuid.uuid4(), DEADLINE, {})
        asked, *calls = self.service.requests
        self.assertEqual(str(asked.url), "https://login.test/token")
        self.assertTrue(asked.headers["authorization"].startswith("Basic "))
        self.assertIn(b"scope=bookings%2Fwrite", asked.content)
        self.assertEqual(
            [call.headers["authorization"] for call in calls], ["Bearer t-1"] * 2
        )
        self.assertEqual(json.loads(calls[0].content)["expiresAt"][:10], "2026-12-01")

    def test_what_is_missing_is_said(self):
        for auth in ("sigv4", "jwt", "basic"):
            timer._auth.cache_clear()
            with (
                self.settings(BOOKING_EXPIRY_AUTH=auth),
                self.assertRaises(ImproperlyConfigured),
            ):
                timer.ensure(uuid.uuid4(), DEADLINE, {})
