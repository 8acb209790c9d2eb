/** Reads a request: its body, its path and the deadline that it asks for. Whatever is wrong with it is thrown as a Problem. */
import type { Context } from 'hono';
import * as v from 'valibot';
import { MAX_HOLD_MS, MIN_HOLD_MS } from '../core/hold-time.ts';
import { iso } from '../runtime/clock.ts';
import { invalidRequest, Problem } from './problem.ts';
import { bookingIdInPath, confirmRequest, MAX_BODY_BYTES, requestedDeadlineMs, slotIdInPath } from './schemas.ts';

/** What is known of a request beside the request itself. */
export interface RequestBindings {
  /** Who signed the request, where the gateway knows. Idempotency keys of different callers never meet. */
  readonly caller: string;
  readonly remainingMs: () => number;
}

export type ApiContext = Context<{ Bindings: RequestBindings }>;

/** @throws Problem if the path has no usable id */
export const idOf = (context: ApiContext): string =>
  parse(bookingIdInPath, context.req.param('bookingId'), 'bookingId');

/** @throws Problem if the path has no usable slot */
export const slotIdOf = (context: ApiContext): string => parse(slotIdInPath, context.req.param('slotId'), 'slotId');

/**
 * The length of the hold that is asked for, or the Problem with it: a deadline that is not 1 second to 366 days away.
 *
 * @param firstTriedAtMs when the request was tried first: seconds count from there
 */
export const holdMsOf = (
  request: { holdSeconds?: number | undefined; expiresAt?: string | undefined },
  nowMs: number,
  firstTriedAtMs = nowMs,
): number | Problem => {
  const deadlineMs = requestedDeadlineMs(request, firstTriedAtMs);
  const holdMs = deadlineMs - nowMs;
  if (holdMs >= MIN_HOLD_MS && holdMs <= MAX_HOLD_MS) return holdMs;
  const detail = `must be 1 second to 366 days from now, ${iso(nowMs)}`;
  return request.expiresAt !== undefined
    ? invalidRequest([{ pointer: '/expiresAt', detail, received: request.expiresAt }])
    : invalidRequest([
        { pointer: '/holdSeconds', detail: `${detail}, counted from the first try`, received: request.holdSeconds },
      ]);
};

/**
 * For what has no use for a precondition: one that would be ignored is noticed.
 *
 * @throws Problem if there is one
 */
export const expectNoIfMatch = (context: ApiContext): void => {
  const received = context.req.header('if-match');
  if (received === undefined) return;
  throw invalidRequest([{ pointer: 'If-Match', detail: 'is taken by extend only', received }]);
};

/** The body as JSON, if it is JSON and not too large. */
export const readJson = async (context: ApiContext): Promise<unknown> => {
  const text = await readText(context);
  const type = context.req.header('content-type') ?? '';
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new Problem('unsupportedMediaType', `content-type must be application/json, got ${type || 'none'}`);
  }
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw invalidRequest([{ pointer: '', detail: 'must be JSON', received: text.slice(0, 100) }]);
  }
  if (Array.isArray(body))
    throw invalidRequest([{ pointer: '', detail: 'must be a JSON object', received: shown(body) }]);
  return body;
};

/** For a move that takes no fields: an empty body or an empty object, so that a field that would be ignored is noticed. */
export const expectNoBody = async (context: ApiContext): Promise<void> => {
  if ((await readText(context)).trim() === '') return;
  parse(v.strictObject({}, 'must be empty, or an empty JSON object'), await readJson(context));
};

/** How a payment is to be taken. An empty body asks for nothing special. */
export const readConfirmation = async (context: ApiContext): Promise<v.InferOutput<typeof confirmRequest>> =>
  (await readText(context)).trim() === '' ? {} : parse(confirmRequest, await readJson(context));

const readText = async (context: ApiContext): Promise<string> => {
  const text = await context.req.text();
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > MAX_BODY_BYTES)
    throw new Problem('bodyTooLarge', `the body must be at most ${MAX_BODY_BYTES} bytes, got ${bytes}`);
  return text;
};

export const parse = <Schema extends v.GenericSchema>(
  schema: Schema,
  given: unknown,
  place?: string,
): v.InferOutput<Schema> => {
  const result = v.safeParse(schema, given);
  if (result.success) return result.output;
  throw invalidRequest(
    result.issues.map((issue) => {
      const path = (issue.path ?? []).map(({ key }) => String(key));
      const unknownField = issue.type === 'strict_object' && path.length > 0;
      return {
        pointer: pointerOf(path, place),
        detail: unknownField ? 'is not a field here' : issue.message,
        ...(path.length > 0 || place
          ? { received: shown(path.length > 0 ? issue.path?.at(-1)?.value : issue.input) }
          : {}),
      };
    }),
  );
};

/** A JSON Pointer into the body (RFC 6901); for what is not in the body, its name. */
const pointerOf = (path: readonly string[], place: string | undefined): string => {
  if (place === undefined) return path.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
  return place === 'query' ? path.join('.') : place;
};

/** What came, cut if it is long: it goes back to the client and maybe into logs. */
const shown = (value: unknown): unknown => {
  const text = JSON.stringify(value);
  return text !== undefined && text.length > 200 ? `${text.slice(0, 200)}…` : value;
};
