"""Books, pays, extends, lists and deletes through the client that openapi-python-client generates. Prints `ok` at the end."""

import datetime
import sys
from http import HTTPStatus
from typing import TypeVar

from generated import Client
from generated.api.bookings import (
    confirm_booking,
    create_booking,
    delete_booking,
    extend_booking,
    get_booking,
    list_bookings,
)
from generated.models import (
    Booking,
    BookingPage,
    CreateBookingForSeconds,
    CreateBookingForSecondsDetails,
    CreateBookingUntilTime,
    ExtendBookingForSeconds,
    InvalidRequest,
    MoveRefused,
)
from generated.types import Response


T = TypeVar("T")


def etag_of(response: Response[T]) -> str:
    return response.headers["etag"]


def main(url: str, prefix: str) -> None:
    client = Client(base_url=url)
    details = CreateBookingForSecondsDetails()
    details["seat"] = "7A"
    body = CreateBookingForSeconds(booking_id=f"{prefix}-1", hold_seconds=600, customer_id=prefix, details=details)
    created = create_booking.sync_detailed(client=client, body=body, idempotency_key=f"{prefix}-create")
    assert created.status_code == HTTPStatus.CREATED, created
    booking = created.parsed
    assert isinstance(booking, Booking)
    assert isinstance(booking.expires_at, datetime.datetime)
    again = create_booking.sync_detailed(client=client, body=body, idempotency_key=f"{prefix}-create")
    assert again.content == created.content

    invalid = create_booking.sync(client=client, body=CreateBookingForSeconds(hold_seconds=0))
    assert isinstance(invalid, InvalidRequest), invalid
    assert invalid.errors[0].pointer == "/holdSeconds"

    in_an_hour = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    until = create_booking.sync(client=client, body=CreateBookingUntilTime(expires_at=in_an_hour))
    assert isinstance(until, Booking) and until.status == "PENDING", until

    extended = extend_booking.sync_detailed(
        booking.booking_id, client=client, body=ExtendBookingForSeconds(hold_seconds=900), if_match=etag_of(created)
    )
    assert extended.status_code == HTTPStatus.OK, extended
    stale = extend_booking.sync_detailed(
        booking.booking_id, client=client, body=ExtendBookingForSeconds(hold_seconds=999), if_match=etag_of(created)
    )
    assert stale.status_code == HTTPStatus.PRECONDITION_FAILED, stale

    held = delete_booking.sync(booking.booking_id, client=client)
    assert isinstance(held, MoveRefused), held
    assert held.found == "PENDING"
    assert isinstance(held.judged_at, datetime.datetime)
    paid = confirm_booking.sync(booking.booking_id, client=client)
    assert isinstance(paid, Booking) and paid.status == "CONFIRMED"

    page = list_bookings.sync(client=client, customer_id=prefix)
    assert isinstance(page, BookingPage)
    assert [each.booking_id for each in page.bookings] == [booking.booking_id]
    assert delete_booking.sync_detailed(booking.booking_id, client=client).status_code == HTTPStatus.NO_CONTENT
    assert get_booking.sync_detailed(booking.booking_id, client=client).status_code == HTTPStatus.NOT_FOUND
    print("ok")


main(sys.argv[1], sys.argv[2])
