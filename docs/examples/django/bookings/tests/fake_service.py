"""Stands for the service in tests: as much of its API as timer.py uses."""

import json
from typing import Any
from unittest.mock import patch

import httpx
from django.test import override_settings

from bookings import timer

URL = "http://booking-expiry.test"


class FakeService:
    """Keeps bookings in memory. `answers` are given first, in their order; an exception is raised."""

    def __init__(self) -> None:
        self.bookings: dict[str, dict[str, Any]] = {}
        self.answers: list[httpx.Response | Exception] = []
        self.requests: list[httpx.Request] = []

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answers as the service does."""
        self.requests.append(request)
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        body = json.loads(request.content)
        path = request.url.path.removeprefix("/api/v1/bookings")
        if path == "":
            return self._create(body)
        _, booking_id, move = path.split("/")
        return self._move(booking_id, move, body)

    def _create(self, body: dict[str, Any]) -> httpx.Response:
        known = self.bookings.get(body["bookingId"])
        if known is None:
            known = {"status": "PENDING", "expiresAt": body["expiresAt"], "body": body}
            self.bookings[body["bookingId"]] = known
            return httpx.Response(201, json=known)
        return httpx.Response(200 if known["body"] == body else 409, json=known)

    def _move(self, booking_id: str, move: str, body: dict[str, Any]) -> httpx.Response:
        known = self.bookings.get(booking_id)
        if known is None:
            return httpx.Response(404, json={})
        if known["status"] != "PENDING":
            return httpx.Response(409, json={})
        if move == "extend":
            known["expiresAt"] = body["expiresAt"]
        else:
            known["status"] = {"confirm": "CONFIRMED", "cancel": "CANCELLED"}[move]
        return httpx.Response(200, json=known)


class UsesFakeService:
    """For test cases: self.service is what timer.py talks to."""

    def setUp(self) -> None:
        """Nothing leaves this process."""
        super().setUp()  # type: ignore[misc]
        self.service = FakeService()
        client = httpx.Client(transport=httpx.MockTransport(self.service.handle))
        timer._auth.cache_clear()
        for change in (
            patch.object(timer, "_client", return_value=client),
            override_settings(BOOKING_EXPIRY_URL=URL, BOOKING_EXPIRY_AUTH=""),
        ):
            change.__enter__()
            self.addCleanup(change.__exit__, None, None, None)  # type: ignore[attr-defined]
        self.addCleanup(timer._auth.cache_clear)  # type: ignore[attr-defined]
