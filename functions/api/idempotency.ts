/**
 * Requests that go by an `Idempotency-Key` ("The Idempotency-Key HTTP Header Field", draft-ietf-httpapi-idempotency-key-header):
 * the same key with the same request gets the answer that was given first, its status included. The key is looked up before
 * anything is judged by the clock, so that it also does after the deadline.
 *
 * Every move is idempotent by itself. So a request whose first try died before it answered is made again, and comes to what
 * the first try would have come to; what it asks for "from now on" counts from the first try.
 */
import type { Clock } from '../core/ports.ts';
import type { IdempotencyRecords, KeptAnswer } from './ports.ts';
import { Problem, problemOf } from './problem.ts';
import { type ApiContext, parse } from './request.ts';
import { keyedRequestHash, keyRecordId } from './request-hash.ts';
import type { RouteName } from './routes.ts';
import { idempotencyKey } from './schemas.ts';

/** The header's name, as the gateway writes it. */
export const IDEMPOTENCY_KEY = 'idempotency-key';

/** The key of a request; undefined if it has none. @throws Problem for a key that is not allowed */
export const keyOf = (context: ApiContext): string | undefined => {
  const key = context.req.header(IDEMPOTENCY_KEY);
  return key === undefined ? undefined : parse(idempotencyKey, key, 'Idempotency-Key');
};

/** When a request is made. */
export interface Tried {
  readonly nowMs: number;
  /** Earlier than `nowMs` if an earlier try of the same request never answered. */
  readonly firstTriedAtMs: number;
}

/**
 * Answers a request once: what it was answered before, or what `act` answers now.
 *
 * @param request what is asked for, as it was parsed: all that distinguishes it from another request to the same route
 * @param act makes the request; it may throw a Problem
 */
export const answerOnce = async (
  context: ApiContext,
  { idempotency, clock }: { readonly idempotency: IdempotencyRecords; readonly clock: Clock },
  [route, request]: readonly [RouteName, unknown],
  act: (tried: Tried) => Promise<Response>,
): Promise<Response> => {
  const key = keyOf(context);
  const startedAtMs = clock();
  if (key === undefined) return act({ nowMs: startedAtMs, firstTriedAtMs: startedAtMs });

  const recordId = keyRecordId(context.env.caller, key);
  const outcome = await idempotency.claim({ recordId, requestHash: keyedRequestHash(route, request) }, startedAtMs);
  switch (outcome.kind) {
    case 'answered':
      return responseOf(outcome.answer);
    case 'in-flight':
      throw inFlight();
    case 'other-request':
      throw keyReused();
  }
  const { claim } = outcome;
  const { firstTriedAtMs } = claim;
  try {
    const nowMs = firstTriedAtMs === startedAtMs ? startedAtMs : clock();
    const response = await act({ nowMs, firstTriedAtMs }).catch((error) => {
      const problem = problemOf(error);
      // Trouble of ours is no answer: the next try may come to one.
      if (problem.status >= 500) throw error;
      return problem.toResponse();
    });
    const kept = await idempotency.keep(claim, await answerOf(response));
    if (kept === undefined) throw inFlight();
    return responseOf(kept);
  } catch (error) {
    // The next try need not wait. If this fails too, it waits until the claim is over.
    await idempotency.release(claim).catch(() => {});
    throw error;
  }
};

const inFlight = (): Problem =>
  new Problem('requestInFlight', 'a request with this key is being worked on', {}, { 'retry-after': '1' });

export const keyReused = (): Problem =>
  new Problem('keyReused', 'this key was used for another request: another route, booking or body');

/** Headers that belong to an answer wherever it is given again. */
const KEPT_HEADERS = ['content-type', 'location', 'etag'];

const answerOf = async (response: Response): Promise<KeptAnswer> => ({
  status: response.status,
  headers: Object.fromEntries(
    KEPT_HEADERS.flatMap((name) => {
      const value = response.headers.get(name);
      return value === null ? [] : [[name, value]];
    }),
  ),
  body: await response.text(),
});

const responseOf = ({ status, headers, body }: KeptAnswer): Response => new Response(body, { status, headers });
