"""What the rest of the shop may follow."""

from django.dispatch import Signal

# A booking became EXPIRED: free the seat, send the mail. Sent once for each booking with `booking_id`, inside the
# transaction of the UPDATE: what a receiver writes is kept or lost together with it. A mail belongs into on_commit.
booking_expired = Signal()
