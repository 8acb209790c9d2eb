"""The shop's own JSON API, as small as it can be. Who may do what is left out: confirm is for the payment's callback."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from .models import Booking
from .services import BookingService

DEFAULT_HOLD = timedelta(minutes=15)


@csrf_exempt
@require_POST
def create(request: HttpRequest) -> JsonResponse:
    """Takes seat, and hold_seconds and details where they are given."""
    asked = json.loads(request.body)
    hold = DEFAULT_HOLD
    if "hold_seconds" in asked:
        hold = timedelta(seconds=asked["hold_seconds"])
    with transaction.atomic():
        booking = BookingService.create(asked["seat"], hold, asked.get("details"))
    return JsonResponse(_shown(booking), status=201)


@require_GET
def read(request: HttpRequest, booking_id: UUID) -> JsonResponse:
    """The booking as it is now, also where nothing has marked it yet."""
    return JsonResponse(_shown(get_object_or_404(Booking, pk=booking_id)))


@csrf_exempt
@require_POST
def confirm(request: HttpRequest, booking_id: UUID) -> JsonResponse:
    """The payment came."""
    return _moved(booking_id, BookingService.confirm(booking_id))


@csrf_exempt
@require_POST
def cancel(request: HttpRequest, booking_id: UUID) -> JsonResponse:
    """The customer does not want it any more."""
    return _moved(booking_id, BookingService.cancel(booking_id))


@csrf_exempt
@require_POST
def extend(request: HttpRequest, booking_id: UUID) -> JsonResponse:
    """Takes hold_seconds, from now on."""
    hold = timedelta(seconds=json.loads(request.body)["hold_seconds"])
    return _moved(booking_id, BookingService.extend(booking_id, timezone.now() + hold))


def _moved(booking_id: UUID, moved: bool) -> JsonResponse:
    booking = get_object_or_404(Booking, pk=booking_id)
    return JsonResponse(_shown(booking), status=200 if moved else 409)


def _shown(booking: Booking) -> dict[str, Any]:
    return {
        "id": booking.pk,
        "seat": booking.seat,
        "status": booking.effective_status(),
        "expires_at": booking.expires_at,
        "expired_at": booking.expired_at,
    }
