"""What may happen to a booking. Each move is one UPDATE with a condition; the service hears of it afterwards."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from . import timer
from .models import Booking, Status
from .signals import booking_expired

logger = logging.getLogger(__name__)


class BookingService:
    """The one place that changes a booking's status."""

    @staticmethod
    def auto_expire_bookings(grace: timedelta = timedelta()) -> int:
        """The old way: one UPDATE over all bookings, as late as its cron job. With a grace, only what was missed."""
        now = timezone.now()
        return Booking.objects.lapsed(now - grace).update(
            status=Status.EXPIRED, expired_at=now
        )

    @staticmethod
    def create(
        seat: str, hold: timedelta, details: dict[str, Any] | None = None
    ) -> Booking:
        """Saves a PENDING booking. Its timer is set once the row is committed: a rollback leaves no timer."""
        booking = Booking.objects.create(
            seat=seat, expires_at=timezone.now() + hold, details=details or {}
        )
        _after_commit(set_timer, booking)
        return booking

    @staticmethod
    def confirm(booking_id: UUID) -> bool:
        """For a payment. False: the hold had lapsed or the booking was settled. Then refund."""
        now = timezone.now()
        return _settle(
            booking_id,
            Booking.objects.held(now),
            status=Status.CONFIRMED,
            confirmed_at=now,
        )

    @staticmethod
    def cancel(booking_id: UUID) -> bool:
        """Gives the seat back, also one that was paid for. False: the booking was expired or cancelled already."""
        now = timezone.now()
        open_bookings = Booking.objects.held(now) | Booking.objects.filter(
            status=Status.CONFIRMED
        )
        return _settle(
            booking_id, open_bookings, status=Status.CANCELLED, cancelled_at=now
        )

    @staticmethod
    def extend(booking_id: UUID, expires_at: datetime) -> bool:
        """Moves the deadline of a booking that is still held. The old timer's webhook will find nothing to do."""
        moved = (
            Booking.objects.held().filter(pk=booking_id).update(expires_at=expires_at)
        )
        if moved:
            _after_commit(set_timer, Booking.objects.get(pk=booking_id))
        return moved == 1

    @staticmethod
    @transaction.atomic
    def expire(booking_id: UUID) -> bool:
        """For a deadline that has passed, whoever noticed it. False: there is nothing to expire."""
        now = timezone.now()
        expired = (
            Booking.objects.lapsed(now)
            .filter(pk=booking_id)
            .update(status=Status.EXPIRED, expired_at=now)
        )
        if expired:
            booking_expired.send(sender=Booking, booking_id=booking_id)
        return expired == 1


def set_timer(booking: Booking) -> bool:
    """Makes the service call back at the booking's deadline. What fails is left to reconcile_bookings."""
    if not timer.is_on():
        return False
    try:
        timer.ensure(booking.pk, booking.expires_at, booking.details)
    except timer.TimerError as error:
        logger.warning("no timer for booking %s yet: %s", booking.pk, error)
        return False
    Booking.objects.filter(pk=booking.pk).update(timer_expires_at=booking.expires_at)
    return True


def stop_timer(booking: Booking) -> bool:
    """Tells the service that the booking is settled. Without it the timer's webhook would find nothing to do."""
    if not timer.is_on():
        return False
    try:
        timer.settle(booking.pk, confirmed=booking.status == Status.CONFIRMED)
    except timer.TimerError as error:
        logger.warning("the timer of booking %s runs on: %s", booking.pk, error)
        return False
    Booking.objects.filter(pk=booking.pk).update(timer_expires_at=None)
    return True


def _settle(booking_id: UUID, allowed: Any, **change: Any) -> bool:
    """The row decides; the service hears of it once that is committed."""
    settled = allowed.filter(pk=booking_id).update(**change)
    if settled:
        _after_commit(stop_timer, Booking.objects.get(pk=booking_id))
    return settled == 1


def _after_commit(tell: Callable[[Booking], bool], booking: Booking) -> None:
    """Robust: whatever goes wrong is logged, and never reaches the request, whose booking is saved."""

    # Not functools.partial: Django logs a robust callback by its name, and a partial has none.
    def told() -> None:
        tell(booking)

    transaction.on_commit(told, robust=True)
