"""The admin respects the rules."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.test import TestCase, override_settings
from django.utils import timezone

from bookings.models import Booking

LIST = "/admin/bookings/booking/"


@override_settings(BOOKING_EXPIRY_URL="")
class Admin(TestCase):
    """A held booking, and one that has lapsed."""

    def setUp(self) -> None:
        """Somebody who may."""
        self.client.force_login(User.objects.create_superuser("admin"))
        now = timezone.now()
        later = now + timedelta(minutes=15)
        self.held = Booking.objects.create(seat="held-1", expires_at=later)
        self.lapsed = Booking.objects.create(seat="lapsed-1", expires_at=now)

    def act(self, action: str) -> str:
        """On both."""
        chosen = [self.held.pk, self.lapsed.pk]
        answer = self.client.post(
            LIST, {"action": action, "_selected_action": chosen}, follow=True
        )
        return answer.content.decode()

    def statuses(self) -> dict[str, str]:
        """As the rows have them."""
        return dict(Booking.objects.values_list("seat", "status"))

    def test_actions_move_only_what_may_move(self):
        self.assertIn("1 confirmed, 1 refused", self.act("confirm_selected"))
        self.assertEqual(
            self.statuses(), {"held-1": "CONFIRMED", "lapsed-1": "PENDING"}
        )
        self.assertIn("1 cancelled, 1 refused", self.act("cancel_selected"))
        self.assertEqual(
            self.statuses(), {"held-1": "CANCELLED", "lapsed-1": "PENDING"}
        )

    def test_filters_go_by_the_effective_status(self):
        for query, shown, hidden in (
            ("effective=EXPIRED", "lapsed-1", "held-1"),
            ("effective=PENDING", "held-1", "lapsed-1"),
            ("timer=missing", "held-1", "lapsed-1"),
            ("timer=lapsed", "lapsed-1", "held-1"),
        ):
            page = self.client.get(f"{LIST}?{query}")
            self.assertContains(page, shown)
            self.assertNotContains(page, hidden)

    def test_the_form_cannot_change_a_status(self):
        address = f"{LIST}{self.held.pk}/change/"
        self.assertEqual(self.client.get(address).status_code, 200)
        Booking.objects.filter(pk=self.held.pk).update(status="CONFIRMED")
        form = {"seat": "8B", "details": "{}", "status": "PENDING"}
        self.assertEqual(self.client.post(address, form).status_code, 302)
        self.held.refresh_from_db()
        self.assertEqual((self.held.seat, self.held.status), ("8B", "CONFIRMED"))

    def test_bookings_are_not_added_here(self):
        self.assertEqual(self.client.get(f"{LIST}add/").status_code, 403)
