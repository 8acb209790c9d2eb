"""The bookings app."""

from django.apps import AppConfig


class BookingsConfig(AppConfig):
    """Bookings that lapse when nobody pays."""

    name = "bookings"
