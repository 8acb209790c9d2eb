/** `npm run bookings`: bookings by hand and in scripts, on the local runtime or a deployed table. */
import { randomUUID } from 'node:crypto';
import * as v from 'valibot';
import { type BookingJson, bookingJson } from '../functions/api/booking-json.ts';
import { createRequest, extendRequest, requestedDeadlineMs } from '../functions/api/schemas.ts';
import { effectiveStatus, type MoveOutcome, type TakenSlot } from '../functions/core/booking-status.ts';
import { EARLIEST_DEADLINE_MS, LATEST_DEADLINE_MS, MAX_HOLD_MS, MIN_HOLD_MS } from '../functions/core/hold-time.ts';
import { iso, systemClock } from '../functions/runtime/clock.ts';
import { parseOptions, UsageError } from '../terminal/usage.ts';
import { CONNECT_OPTIONS, CONNECT_USAGE, type Connection, connect, runCommand } from './connect.ts';
import { wholeNumber } from './whole-number.ts';

const USAGE = `Usage: npm run bookings -- <command> [options]

  create [<id>]          a PENDING booking, with --hold-seconds or --expires-at; without an id, one is made
  get <id>               a booking with its effective status
  list                   PENDING bookings, soonest deadline first; --overdue for those that lapsed and are not marked
  confirm <id>           it was paid
  cancel <id>
  extend <id>            a new deadline, with --hold-seconds or --expires-at
  delete <id>            a booking that is settled or expired

  --hold-seconds <n>     length of the hold from now on: 1 to 31622400
  --expires-at <time>    the deadline, ISO 8601 with Z or an offset
  --slot <id>            a slot that it claims; repeated for more, up to 50
  --revive               confirm: also after its deadline, if its slots are free or still its own
  --details <json>       your own data, a JSON object
  --limit <n>            how many to list at the most: 1 to 100 (default 50)
  --overdue              list what lapsed and is not marked
  --json                 JSON instead of text; into a pipe: npm run --silent bookings -- list --json | jq
${CONNECT_USAGE}
  -h, --help             this text

Exit codes: 0 done, or done before; 1 refused, not found or not reachable; 2 wrong usage.`;

const readOptions = () =>
  parseOptions({
    allowPositionals: true,
    options: {
      ...CONNECT_OPTIONS,
      'hold-seconds': { type: 'string' },
      'expires-at': { type: 'string' },
      slot: { type: 'string', multiple: true },
      revive: { type: 'boolean', default: false },
      details: { type: 'string' },
      limit: { type: 'string' },
      overdue: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
type Options = ReturnType<typeof readOptions>['values'];

/** How the command line calls what the HTTP API calls otherwise. */
const FLAGS: Record<string, string> = {
  bookingId: '<id>',
  holdSeconds: '--hold-seconds',
  expiresAt: '--expires-at',
  slotIds: '--slot',
  details: '--details',
};

/** The same rules as over HTTP, with the names of the command line. */
const parse = <Schema extends v.GenericSchema>(schema: Schema, given: unknown): v.InferOutput<Schema> => {
  const result = v.safeParse(schema, given);
  if (result.success) return result.output;
  const problems = result.issues.map(({ path, message, input }) => {
    const field = String(path?.[0]?.key ?? '');
    return field === ''
      ? message.replace('holdSeconds or expiresAt', '--hold-seconds or --expires-at')
      : `${FLAGS[field] ?? field} ${message}, got ${JSON.stringify(input)}`;
  });
  throw new UsageError(problems.join('; '));
};

const holdOf = (options: Options) => {
  const seconds = options['hold-seconds'];
  const expiresAt = options['expires-at'];
  // What is no number stays text, so that the rules refuse it by name.
  return {
    ...(seconds !== undefined && { holdSeconds: /^-?\d+(\.\d+)?$/.test(seconds) ? Number(seconds) : seconds }),
    ...(expiresAt !== undefined && { expiresAt }),
  };
};

/** @throws UsageError if the deadline that is asked for is not 1 second to 366 days away */
const holdMsOf = (request: v.InferOutput<typeof extendRequest>, nowMs: number): number => {
  const holdMs = requestedDeadlineMs(request, nowMs) - nowMs;
  if (holdMs >= MIN_HOLD_MS && holdMs <= MAX_HOLD_MS) return holdMs;
  throw new UsageError(`--expires-at must be 1 second to 366 days from now, ${iso(nowMs)}, got ${request.expiresAt}`);
};

const detailsOf = ({ details }: Options): unknown => {
  if (details === undefined) return undefined;
  try {
    return JSON.parse(details);
  } catch {
    throw new UsageError(`--details must be JSON, got ${details}`);
  }
};

const show = (booking: BookingJson, { json }: Options, { place }: Connection): void => {
  if (json) {
    console.log(JSON.stringify({ ...booking, ...place }));
    return;
  }
  const { bookingId, status, expiresAt, remainingMs } = booking;
  const left = status === 'PENDING' ? `  ${(remainingMs / 1_000).toFixed(3)} s left` : '';
  console.log(`${status.padEnd(9)}  ${expiresAt ?? 'no valid deadline'.padEnd(24)}  ${bookingId}${left}`);
};

/** Makes a move, and shows what the booking is by the clock of the move: by a later one nothing would be sure. */
const makeMove = async (
  move: (nowMs: number) => Promise<MoveOutcome>,
  bookingId: string,
  options: Options,
  connection: Connection,
): Promise<void> => {
  const nowMs = systemClock();
  const outcome = await move(nowMs);
  if (outcome.kind === 'missing') throw new Error(`there is no booking ${bookingId}`);
  show(bookingJson(outcome.booking, nowMs), options, connection);
  if (outcome.kind === 'refused') throw new Error(`refused: the booking is ${outcome.found}`);
  if (outcome.kind === 'slots-taken') throw new Error(`refused: ${takenInWords(outcome.slots)}`);
  if (outcome.kind === 'too-long')
    throw new Error(`refused: it may be held until ${iso(outcome.latestMs)} at the longest`);
};

const takenInWords = (slots: readonly TakenSlot[]): string => {
  const each = slots.map(({ slotId, heldUntilMs }) =>
    heldUntilMs === undefined ? slotId : `${slotId} (held until ${iso(heldUntilMs)})`,
  );
  return `of another booking: ${each.join(', ')}`;
};

/** Reads its options, which is where wrong usage is found; then works on the table. */
type Command = (bookingId: string, options: Options) => (connection: Connection) => Promise<void>;

const COMMANDS: Record<string, { readonly takesId: 'always' | 'maybe' | 'never'; readonly command: Command }> = {
  create: {
    takesId: 'maybe',
    command: (id, options) => {
      const bookingId = id || randomUUID();
      const details = detailsOf(options);
      const request = parse(createRequest, {
        ...holdOf(options),
        bookingId,
        ...(options.slot && { slotIds: options.slot }),
        ...(details !== undefined && { details }),
      });
      holdMsOf(request, systemClock());
      return async (connection) => {
        // Connecting took a while.
        const nowMs = systemClock();
        const outcome = await connection.store.create(
          {
            bookingId,
            holdMs: holdMsOf(request, nowMs),
            ...(request.slotIds && { slotIds: request.slotIds }),
            ...(request.details && { details: request.details }),
          },
          nowMs,
        );
        if (outcome.kind === 'slots-taken') throw new Error(`nothing was created: ${takenInWords(outcome.slots)}`);
        if (outcome.booking) show(bookingJson(outcome.booking, nowMs), options, connection);
        if (outcome.kind === 'exists') throw new Error(`there is a booking ${bookingId} already`);
      };
    },
  },
  get: {
    takesId: 'always',
    command: (bookingId, options) => async (connection) => {
      const nowMs = systemClock();
      const booking = await connection.store.read(bookingId, nowMs);
      if (booking === undefined) throw new Error(`there is no booking ${bookingId}`);
      show(bookingJson(booking, nowMs), options, connection);
    },
  },
  list: {
    takesId: 'never',
    command: (_, options) => {
      const limit = wholeNumber('limit', options.limit ?? '50', 1, 100);
      return async (connection) => {
        const nowMs = systemClock();
        const range = options.overdue
          ? { fromMs: EARLIEST_DEADLINE_MS, throughMs: nowMs }
          : { fromMs: nowMs + 1, throughMs: LATEST_DEADLINE_MS };
        const { bookings, after } = await connection.index.listPending({ ...range, limit, after: {} });
        const shown = bookings.map((booking) => bookingJson(booking, nowMs));
        if (options.json) {
          console.log(JSON.stringify({ bookings: shown, more: after !== undefined, ...connection.place }));
          return;
        }
        for (const booking of shown) show(booking, options, connection);
        if (after) console.log('… and more: raise --limit, or list by the HTTP API');
      };
    },
  },
  confirm: {
    takesId: 'always',
    command: (bookingId, options) => async (connection) =>
      makeMove(
        (nowMs) => connection.store.confirm(bookingId, nowMs, options.revive ? { ifLapsed: 'revive' } : {}),
        bookingId,
        options,
        connection,
      ),
  },
  cancel: {
    takesId: 'always',
    command: (bookingId, options) => async (connection) =>
      makeMove((nowMs) => connection.store.cancel(bookingId, nowMs), bookingId, options, connection),
  },
  extend: {
    takesId: 'always',
    command: (bookingId, options) => {
      const request = parse(extendRequest, holdOf(options));
      holdMsOf(request, systemClock());
      return async (connection) => {
        const extend = (nowMs: number) => connection.store.extend(bookingId, holdMsOf(request, nowMs), nowMs);
        await makeMove(extend, bookingId, options, connection);
      };
    },
  },
  delete: {
    takesId: 'always',
    command: (bookingId, options) => async (connection) => {
      const nowMs = systemClock();
      const outcome = await connection.deletion.delete(bookingId, nowMs);
      if (outcome.kind === 'missing') throw new Error(`there is no booking ${bookingId}`);
      if (outcome.kind === 'refused') {
        show(bookingJson(outcome.booking, nowMs), options, connection);
        throw new Error(`refused: the booking is ${effectiveStatus(outcome.booking, nowMs)}, and may still be paid`);
      }
      console.log(
        options.json ? JSON.stringify({ bookingId, deleted: true, ...connection.place }) : `deleted    ${bookingId}`,
      );
    },
  },
};

runCommand('bookings', async () => {
  const { values: options, positionals } = readOptions();
  if (options.help) {
    console.log(USAGE);
    return;
  }
  const [name = '', bookingId = '', ...others] = positionals;
  const known = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (known === undefined)
    throw new UsageError(`the command must be one of ${Object.keys(COMMANDS).join(', ')}, got "${name}"`);
  if (known.takesId === 'always' && bookingId === '') throw new UsageError(`${name} needs the id of a booking`);
  const tooMany = known.takesId === 'never' ? positionals.length > 1 : others.length > 0;
  if (tooMany) throw new UsageError(`${name} does not take "${others[0] ?? bookingId}"`);
  const work = known.command(bookingId, options);
  const connection = await connect(options, name === 'list' ? 'look' : 'write');
  if (!options.json) console.error(connection.placeText);
  await work(connection);
});
