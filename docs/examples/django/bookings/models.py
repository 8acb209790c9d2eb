"""Bookings. The row is the truth: only a conditional UPDATE of it decides what becomes of a booking."""

import uuid
from datetime import datetime

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.utils import timezone


class Status(models.TextChoices):
    """PENDING moves once, to one of the others. CONFIRMED may still be cancelled."""

    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"


class BookingQuerySet(models.QuerySet["Booking"]):
    """The questions that know the deadline. From it on a booking is expired, whether or not anything has marked it."""

    def held(self, now: datetime | None = None) -> "BookingQuerySet":
        """PENDING, and the deadline has not passed."""
        return self.filter(status=Status.PENDING, expires_at__gt=now or timezone.now())

    def lapsed(self, now: datetime | None = None) -> "BookingQuerySet":
        """Still PENDING, and the deadline has passed."""
        return self.filter(status=Status.PENDING, expires_at__lte=now or timezone.now())

    def with_effective_status(self) -> "BookingQuerySet":
        """Adds `effective`, to filter and to count by."""
        lapsed = Q(status=Status.PENDING, expires_at__lte=timezone.now())
        return self.annotate(
            effective=Case(When(lapsed, then=Value("EXPIRED")), default=F("status"))
        )

    def without_timer(self) -> "BookingQuerySet":
        """Held, and the service is not known to have a timer for this deadline."""
        has_timer = Q(timer_expires_at__isnull=False, timer_expires_at=F("expires_at"))
        return self.held().exclude(has_timer)


class Booking(models.Model):
    """A seat that is held until its deadline, and kept if it is paid for before that."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    status = models.CharField(
        max_length=10, choices=Status.choices, default=Status.PENDING
    )
    seat = models.CharField(max_length=20)
    details = models.JSONField(default=dict, blank=True, encoder=DjangoJSONEncoder)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True, blank=True)
    expired_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    # The deadline for which the service runs a timer, as far as is known. Nothing is decided by it: it only tells
    # reconcile_bookings what is left to do.
    timer_expires_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = BookingQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["status", "expires_at"], name="booking_deadline")
        ]

    def __str__(self) -> str:
        return f"{self.seat} {self.effective_status()}"

    def effective_status(self) -> str:
        """What the booking is now."""
        lapsed = self.status == Status.PENDING and self.expires_at <= timezone.now()
        return Status.EXPIRED if lapsed else self.status


class ReceivedWebhook(models.Model):
    """A webhook that was handled, by its `webhook-id`: the same one that comes again is dropped."""

    webhook_id = models.CharField(primary_key=True, max_length=255)
    received_at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return self.webhook_id
