"""What the service calls at a deadline.

| case | answer | what the service does then |
|---|---|---|
| the row was PENDING and its deadline has passed: it is EXPIRED now | 200 expired | nothing more |
| this webhook-id was handled before | 200 repeated | nothing more |
| the row is settled, or there is no such row | 200 nothing to do | nothing more |
| the row's deadline was moved after the timer was set | 200 nothing to do | nothing more |
| another type of event | 200 ignored | nothing more |
| this server's clock is before the deadline that the service says has passed | 503 | tries again |
| the database fails | 500 | tries again |
| the signature is wrong, missing or older than five minutes | 400 | tries again |
"""

import logging
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from standardwebhooks import Webhook, WebhookVerificationError

from .models import Booking, ReceivedWebhook
from .services import BookingService
from .timer import row_id

logger = logging.getLogger(__name__)


class TooEarly(Exception):
    """By this server's clock the deadline has not passed yet."""


@csrf_exempt
@require_POST
def booking_expiry(request: HttpRequest) -> HttpResponse:
    """Handles each webhook once, in one transaction: it is noted and acted on, or neither."""
    if not settings.BOOKING_EXPIRY_WEBHOOK_SECRET:
        raise ImproperlyConfigured("set BOOKING_EXPIRY_WEBHOOK_SECRET")
    webhook = Webhook(settings.BOOKING_EXPIRY_WEBHOOK_SECRET)
    try:
        event = webhook.verify(request.body, dict(request.headers))
    except (WebhookVerificationError, ValueError) as error:
        logger.warning("a webhook was refused: %s", error)
        return _answer("the signature is not right", 400)
    try:
        with transaction.atomic():
            _, is_new = ReceivedWebhook.objects.get_or_create(
                webhook_id=request.headers["webhook-id"]
            )
            return _answer(_act_on(event) if is_new else "repeated")
    except TooEarly:
        logger.warning("this server's clock is behind the service's")
        answer = _answer("not yet by this server's clock", 503)
        answer["retry-after"] = "1"
        return answer


def _act_on(event: dict[str, Any]) -> str:
    if event["type"] != "BookingExpired":
        return "ignored"
    booking_id = row_id(event["data"]["bookingId"])
    if booking_id is None:
        return "nothing to do"
    if BookingService.expire(booking_id):
        return "expired"
    # Only to know why: the UPDATE has decided.
    held = Booking.objects.held().filter(pk=booking_id).first()
    passed = parse_datetime(event["data"]["expiresAt"] or "")
    if held and passed and timezone.now() < held.expires_at <= passed:
        raise TooEarly
    return "nothing to do"


def _answer(text: str, status: int = 200) -> HttpResponse:
    return HttpResponse(f"{text}\n", content_type="text/plain", status=status)
