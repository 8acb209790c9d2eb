/** What the tickets look like: once for the construct, and once for the application. */
import type { TableDescription } from 'booking-expiry/client';

export const TICKETS = {
  key: { partition: 'event_id', sort: 'ticket_id' },
  status: { pending: 'reserved', expired: 'available' },
  deadline: { attribute: 'expires_at', unit: 'seconds' },
  onExpire: { remove: ['held_by'] },
} as const satisfies TableDescription;
