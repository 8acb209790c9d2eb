/**
 * The HTTP API's routes, each once: the API answers them, its OpenAPI document describes them, and the stack lets them through
 * (lib/bookings-api.ts). The names are the document's operation ids.
 */

export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  /** Why the gateway asks for no caller's identity. Without it, it does. */
  readonly openBecause?: string;
}

/** Below this path every request needs a caller's identity, whether it is a route or not. */
export const BOOKINGS_PATH = '/api/v1/bookings';
/** The same holds of this one. */
export const SLOTS_PATH = '/api/v1/slots';

export const ROUTES = {
  createBooking: { method: 'POST', path: BOOKINGS_PATH },
  listBookings: { method: 'GET', path: BOOKINGS_PATH },
  getBooking: { method: 'GET', path: `${BOOKINGS_PATH}/{bookingId}` },
  confirmBooking: { method: 'POST', path: `${BOOKINGS_PATH}/{bookingId}/confirm` },
  cancelBooking: { method: 'POST', path: `${BOOKINGS_PATH}/{bookingId}/cancel` },
  extendBooking: { method: 'POST', path: `${BOOKINGS_PATH}/{bookingId}/extend` },
  deleteBooking: { method: 'DELETE', path: `${BOOKINGS_PATH}/{bookingId}` },
  lookUpSlots: { method: 'POST', path: `${SLOTS_PATH}/lookup` },
  getSlot: { method: 'GET', path: `${SLOTS_PATH}/{slotId}` },
  expireBookings: {
    method: 'POST',
    path: '/api/v1/cron/expire-bookings',
    openBecause: 'the Lambda checks a bearer token: schedulers elsewhere can neither sign nor log in',
  },
  health: { method: 'GET', path: '/api/v1/health', openBecause: 'it shows that the API answers, and the time' },
  openApi: { method: 'GET', path: '/api/v1/openapi.json', openBecause: 'the document is public' },
} as const satisfies Readonly<Record<string, Route>>;

export type RouteName = keyof typeof ROUTES;

/** Where the page is, in deployments that have one: behind the same authorization as the bookings, in no document. */
export const PAGE_PATH = '/page';

/** The routes with their names, in the order in which the document lists them. */
export const routes = (): [name: RouteName, route: Route][] => Object.entries(ROUTES) as [RouteName, Route][];
