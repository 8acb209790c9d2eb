/** What a customer asks of the API: the request, and what it means to the model. */
import type { Task } from './processes.ts';
import type { Call } from './promises.ts';
import type { Action } from './small-world.ts';

export type CustomersAction = Extract<Action, { do: 'create' | 'extend' | 'confirm' | 'cancel' | 'read' }>;

/** @param nowMs by the clock of whoever answers */
export const askedOf = (action: CustomersAction, nowMs: number): { task: Task; move: Call['move'] } => {
  const path = `/${encodeURIComponent(action.id)}`;
  if ('holdMs' in action) {
    const { do: kind, id: bookingId, holdMs } = action;
    const expiresAtMs = nowMs + holdMs;
    const expiresAt = new Date(expiresAtMs).toISOString();
    const [where, body] = kind === 'create' ? ['', { expiresAt, bookingId }] : [`${path}/extend`, { expiresAt }];
    return { task: { kind: 'api', method: 'POST', path: where, body }, move: { kind, expiresAtMs, nowMs } };
  }
  const { do: kind } = action;
  const task: Task =
    kind === 'read' ? { kind: 'api', method: 'GET', path } : { kind: 'api', method: 'POST', path: `${path}/${kind}` };
  return { task, move: { kind, nowMs } };
};
