/** Bookings and slots over HTTP, with what is told of them as the truth has it. */
import type { Heard } from '../slot-histories/explain.ts';
import type { Act } from '../slot-histories/truth.ts';

interface Answer {
  readonly status: string;
  readonly expiresAt: string;
  readonly found: string;
  readonly type: string;
  readonly slots: readonly { readonly slotId: string }[];
  readonly state: string;
  readonly bookingId?: string;
  readonly heldUntil?: string;
}

/** @param api the API, up to its version */
export const httpCaller =
  (api: string) =>
  async (act: Act): Promise<{ readonly act: Act; readonly told: Heard | undefined }> => {
    const request = requestOf(act);
    const response = await fetch(`${api}${request.path}`, {
      method: request.method,
      ...(request.body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(request.body) }),
    }).catch(() => undefined);
    const body = (await response?.json().catch(() => undefined)) as Answer | undefined;
    if (response === undefined || body === undefined || response.status >= 500) return { act, told: undefined };
    const told = toldBy(act, response.status, body);
    // The deadline comes from the service's clock.
    return {
      act: act.do === 'create' && told.kind === 'created' ? { ...act, expiresAtMs: told.expiresAtMs ?? 0 } : act,
      told,
    };
  };

const requestOf = (act: Act): { readonly method: string; readonly path: string; readonly body?: object } => {
  if (act.do === 'look-up') return { method: 'GET', path: `/slots/${encodeURIComponent(act.slotId)}` };
  const path = `/bookings/${act.id}`;
  switch (act.do) {
    case 'create':
      return { method: 'POST', path: '/bookings', body: { bookingId: act.id, holdSeconds: 1, slotIds: act.slotIds } };
    case 'confirm':
      return { method: 'POST', path: `${path}/confirm`, ...(act.revives && { body: { ifLapsed: 'revive' } }) };
    case 'cancel':
      return { method: 'POST', path: `${path}/cancel` };
    case 'read':
      return { method: 'GET', path };
    default:
      throw new Error(`no race does this by HTTP: ${act.do}`);
  }
};

const toldBy = (act: Act, status: number, body: Answer): Heard => {
  if (act.do === 'look-up') {
    const { state, bookingId, heldUntil } = body;
    return {
      kind: 'slot',
      state,
      ...(bookingId !== undefined && { owner: bookingId }),
      ...(heldUntil !== undefined && { untilMs: Date.parse(heldUntil) }),
    };
  }
  if (status === 404) return { kind: 'missing' };
  if (status === 409) {
    if (body.type.endsWith('slots-taken'))
      return { kind: 'slots-taken', slotIds: body.slots.map(({ slotId }) => slotId) };
    return act.do === 'create' ? { kind: 'exists' } : { kind: 'refused', status: body.found };
  }
  if (status !== 200 && status !== 201)
    throw new Error(`${act.do} was answered with ${status}: ${JSON.stringify(body)}`);
  const kind = act.do === 'read' ? 'found' : act.do === 'create' ? (status === 201 ? 'created' : 'exists') : 'settled';
  return { kind, status: body.status, expiresAtMs: Date.parse(body.expiresAt) };
};
