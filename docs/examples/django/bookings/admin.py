"""The admin: it shows what is, and changes a status only as the rules allow."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from .models import Booking, Status
from .services import BookingService


class EffectiveStatusFilter(admin.SimpleListFilter):
    """By what a booking is now: one that has lapsed is EXPIRED, marked or not."""

    title = "effective status"
    parameter_name = "effective"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The four words."""
        return list(Status.choices)

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Only those of the chosen word."""
        return queryset.filter(effective=self.value()) if self.value() else queryset


class TimerFilter(admin.SimpleListFilter):
    """What reconcile_bookings has left to do."""

    title = "timer"
    parameter_name = "timer"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Only the exception."""
        return [("missing", "held without a timer"), ("lapsed", "lapsed, not marked")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Only those of the chosen kind."""
        match self.value():
            case "missing":
                return queryset.without_timer()
            case "lapsed":
                return queryset.lapsed()
            case _:
                return queryset


@admin.register(Booking)
class BookingAdmin(admin.ModelAdmin):
    """Bookings are made by the shop; here the seat and the details may be corrected."""

    list_display = ["id", "seat", "effective", "expires_at", "created_at", "has_timer"]
    list_filter = [EffectiveStatusFilter, TimerFilter, "expires_at"]
    search_fields = ["id", "seat"]
    readonly_fields = [
        "status",
        "created_at",
        "expires_at",
        "confirmed_at",
        "expired_at",
        "cancelled_at",
        "timer_expires_at",
    ]
    actions = ["confirm_selected", "cancel_selected"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Booking]:
        """With the effective status, to show and to sort by."""
        return Booking.objects.with_effective_status()

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A booking without its timer would lapse late."""
        return False

    def save_model(self, request: HttpRequest, obj: Booking, *_: Any) -> None:
        """Only what may be edited: a booking that was settled meanwhile stays settled."""
        obj.save(update_fields=["seat", "details"])

    @admin.display(description="status", ordering="effective")
    def effective(self, booking: Booking) -> str:
        """The effective status."""
        return booking.effective_status()

    @admin.display(description="timer", boolean=True)
    def has_timer(self, booking: Booking) -> bool | None:
        """Whether a held booking has its timer; nothing for the others."""
        if booking.effective_status() != Status.PENDING:
            return None
        return booking.timer_expires_at == booking.expires_at

    @admin.action(description="Confirm: paid in time", permissions=["change"])
    def confirm_selected(self, request: HttpRequest, queryset: Any) -> None:
        """Refuses those whose hold has lapsed."""
        self._move(request, queryset, BookingService.confirm, "confirmed")

    @admin.action(description="Cancel", permissions=["change"])
    def cancel_selected(self, request: HttpRequest, queryset: Any) -> None:
        """Refuses those that are over already."""
        self._move(request, queryset, BookingService.cancel, "cancelled")

    def _move(
        self,
        request: HttpRequest,
        queryset: Any,
        move: Callable[[UUID], bool],
        word: str,
    ) -> None:
        outcomes = [move(pk) for pk in queryset.values_list("pk", flat=True)]
        done = sum(outcomes)
        refused = len(outcomes) - done
        level = messages.WARNING if refused else messages.SUCCESS
        self.message_user(request, f"{done} {word}, {refused} refused", level)
