"""Addresses of bookings, and the one that the service calls."""

from django.urls import path

from . import views, webhooks

urlpatterns = [
    path("bookings/", views.create),
    path("bookings/<uuid:booking_id>/", views.read),
    path("bookings/<uuid:booking_id>/confirm/", views.confirm),
    path("bookings/<uuid:booking_id>/cancel/", views.cancel),
    path("bookings/<uuid:booking_id>/extend/", views.extend),
    path("webhooks/booking-expiry/", webhooks.booking_expiry),
]
