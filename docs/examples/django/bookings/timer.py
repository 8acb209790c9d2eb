"""The service booking-expiry as a timer: it is told a row's id and deadline, and calls webhooks.py at the deadline."""

import json
import time
from collections.abc import Generator
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Any
from uuid import UUID

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError
from botocore.session import Session
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.serializers.json import DjangoJSONEncoder

# The service takes deadlines from a second to 366 days away; a second more is for the way there.
TOO_NEAR = timedelta(seconds=2)


class TimerError(Exception):
    """The service could not be told. It is safe to tell it again."""


def is_on() -> bool:
    """Whether this application uses the service at all."""
    return settings.BOOKING_EXPIRY_URL != ""


def ensure(booking_id: UUID, expires_at: datetime, details: dict[str, Any]) -> None:
    """Makes the service call back at this deadline. Safe to repeat, and after the deadline was moved.

    Raises TimerError if the service cannot be reached or refuses.
    """
    deadline = deadline_text(expires_at)
    create = {"bookingId": str(booking_id), "expiresAt": deadline}
    answer = _post("", {**create, "details": details} if details else create)
    if answer.status_code in (400, 413) and details:
        # The row has them. The service refuses some, such as numbers beyond 2**53.
        answer = _post("", create)
    if _holds(answer, deadline):
        return
    if answer.status_code in (200, 409):
        # The service has a booking with this id. It may have another deadline.
        answer = _post(f"/{booking_id}/extend", {"expiresAt": deadline})
        if _holds(answer, deadline):
            return
        if answer.status_code == 409:
            # It is over there, and the row is not: the row was extended while the service could not be told.
            suffix = deadline.translate({ord(mark): None for mark in "-:."})
            again = {**create, "bookingId": f"{booking_id}~{suffix}"}
            answer = _post("", again)
            if _holds(answer, deadline):
                return
    raise TimerError(f"the service answered {answer.status_code}: {answer.text[:300]}")


def settle(booking_id: UUID, confirmed: bool) -> None:
    """Stops the timer of a row that is settled. That there is none, or none any more, is fine: the row has decided.

    Raises TimerError if the service cannot be reached or fails.
    """
    answer = _post(f"/{booking_id}/{'confirm' if confirmed else 'cancel'}", {})
    if answer.status_code not in (200, 404, 409):
        raise TimerError(
            f"the service answered {answer.status_code}: {answer.text[:300]}"
        )


def deadline_text(expires_at: datetime) -> str:
    """The deadline in UTC, up to the next whole millisecond: the service calls no microsecond too early."""
    if expires_at.tzinfo is None:
        raise ValueError("naive datetime: say which time zone it is in")
    up = timedelta(microseconds=-expires_at.microsecond % 1000)
    in_utc = (expires_at + up).astimezone(timezone.utc)
    return in_utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def row_id(timer_id: str) -> UUID | None:
    """The id of the row that a timer is for; None if it is for none of ours."""
    try:
        return UUID(timer_id.partition("~")[0])
    except ValueError:
        return None


def _holds(answer: httpx.Response, deadline: str) -> bool:
    """Whether the service now runs a timer for this deadline."""
    if answer.status_code not in (200, 201):
        return False
    try:
        booking = answer.json()
        return booking["status"] == "PENDING" and booking["expiresAt"] == deadline
    except (ValueError, KeyError):
        return False  # BOOKING_EXPIRY_URL leads to something else.


def _post(path: str, body: dict[str, Any]) -> httpx.Response:
    # DjangoJSONEncoder writes datetimes, UUIDs and Decimals as text.
    content = json.dumps(body, cls=DjangoJSONEncoder, allow_nan=False)
    url = f"{settings.BOOKING_EXPIRY_URL}/api/v1/bookings{path}"
    headers = {"content-type": "application/json"}
    try:
        return _client().post(url, content=content, headers=headers, auth=_auth())
    except (httpx.HTTPError, BotoCoreError) as error:
        raise TimerError(f"{type(error).__name__}: {error}") from error


@cache
def _client() -> httpx.Client:
    """One for the whole process: connections are kept open."""
    return httpx.Client(timeout=settings.BOOKING_EXPIRY_TIMEOUT_SECONDS)


@cache
def _auth() -> httpx.Auth | None:
    match settings.BOOKING_EXPIRY_AUTH:
        case "":
            return None
        case "sigv4":
            return SignedByAwsCredentials(settings.BOOKING_EXPIRY_REGION)
        case "jwt":
            return BearerToken(
                settings.BOOKING_EXPIRY_TOKEN_URL,
                settings.BOOKING_EXPIRY_CLIENT_ID,
                settings.BOOKING_EXPIRY_CLIENT_SECRET,
                settings.BOOKING_EXPIRY_SCOPE,
            )
        case other:
            raise ImproperlyConfigured(
                f'BOOKING_EXPIRY_AUTH must be empty, "sigv4" or "jwt", got "{other}"'
            )


class SignedByAwsCredentials(httpx.Auth):
    """Signature Version 4 for API Gateway. Needs execute-api:Invoke: iam-policy.json."""

    requires_request_body = True

    def __init__(self, region: str) -> None:
        if not region:
            raise ImproperlyConfigured("sigv4 needs BOOKING_EXPIRY_REGION")
        self._region = region
        self._session = Session()

    def auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        """Signs method, address, body and content type."""
        credentials = self._session.get_credentials()
        if credentials is None:
            raise TimerError("there are no AWS credentials")
        signed = AWSRequest(
            method=request.method,
            url=str(request.url),
            data=request.content,
            headers={"content-type": request.headers["content-type"]},
        )
        frozen = credentials.get_frozen_credentials()
        SigV4Auth(frozen, "execute-api", self._region).add_auth(signed)
        request.headers.update(dict(signed.headers.items()))
        yield request


class BearerToken(httpx.Auth):
    """A token by OAuth's client credentials, kept until a minute before it ends."""

    requires_response_body = True

    def __init__(self, token_url: str, client: str, secret: str, scope: str) -> None:
        if not (token_url and client and secret and scope):
            raise ImproperlyConfigured(
                "jwt needs BOOKING_EXPIRY_TOKEN_URL, _CLIENT_ID, _CLIENT_SECRET and _SCOPE"
            )
        self._token_url = token_url
        self._client = httpx.BasicAuth(client, secret)
        self._scope = scope
        self._token = ""
        self._good_until = 0.0

    def auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        """Gets a token where there is none that is good, and sends it."""
        if time.monotonic() >= self._good_until:
            answer = yield self._token_request()
            if answer.status_code != 200:
                raise TimerError(f"no token: {self._token_url}: {answer.status_code}")
            given = answer.json()
            self._token = given["access_token"]
            self._good_until = time.monotonic() + given.get("expires_in", 0) - 60
        request.headers["authorization"] = f"Bearer {self._token}"
        yield request

    def _token_request(self) -> httpx.Request:
        asked = {"grant_type": "client_credentials", "scope": self._scope}
        request = httpx.Request("POST", self._token_url, data=asked)
        return next(self._client.auth_flow(request))
