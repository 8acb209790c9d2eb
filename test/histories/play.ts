/** Plays a history in the world and in the model, and compares the two after every step. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { type Booking, type BookingStatus, effectiveStatus } from '../../functions/core/booking-status.ts';
import { LATEST_DEADLINE_MS } from '../../functions/core/hold-time.ts';
import { documentClient } from '../../functions/runtime/clients.ts';
import { type Engine, LOCAL_CREDENTIALS, REGION, startDynamoDb } from '../../local/engines.ts';
import { readAssembly } from '../../local/template.ts';
import { TEST_ASSEMBLY } from '../support/synthesize.ts';
import { Model } from './model.ts';
import type { Step } from './steps.ts';
import { World } from './world.ts';

const IDS = ['ann', 'bob', 'cat'];
/** Histories for one engine: it keeps what it has streamed, and gets slower with it. */
const HISTORIES_PER_ENGINE = 200;

/** Thrown when the world is not as the model says. */
export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise';
}

const promise = (holds: boolean, broken: string): void => {
  if (!holds) throw new BrokenPromise(broken);
};

/** What a booking may become in one step. Deleting it ends it; whatever comes then is another booking. */
const MAY_BECOME: Record<BookingStatus, readonly BookingStatus[]> = {
  PENDING: ['PENDING', 'CONFIRMED', 'CANCELLED', 'EXPIRED'],
  CONFIRMED: ['CONFIRMED', 'CANCELLED'],
  CANCELLED: ['CANCELLED'],
  EXPIRED: ['EXPIRED'],
};

class Play {
  readonly #world: World;
  readonly #model = new Model();
  /** Each booking as it was stored after the last step. */
  readonly #before = new Map<string, Booking>();
  /** Expiries that were committed and must be told. */
  readonly #committed = new Set<string>();

  constructor(world: World) {
    this.#world = world;
  }

  async step({ what, fault }: Step): Promise<void> {
    const world = this.#world;
    const model = this.#model;
    switch (what.do) {
      case 'create':
      case 'extend':
      case 'confirm':
      case 'cancel': {
        const holdMs = 'holdMs' in what ? what.holdMs : 0;
        const answer = await world.move(what.do, what.id, holdMs, fault);
        const after = await world.read(what.id);
        const untouched = model.bookings.get(what.id);
        const expected = this.#expected(what.do, what.id, holdMs);
        if (answer === 'unknown') {
          // Nobody heard what became of it: it was made or it was not, and the booking tells.
          const wasMade = after !== undefined && same(after, model.bookings.get(what.id));
          if (!wasMade && untouched === undefined) model.delete(what.id);
          else if (!wasMade && untouched) model.bookings.set(what.id, untouched);
        } else {
          promise(answer === expected, `${what.id}: ${what.do} was answered with ${answer}, must be ${expected}`);
        }
        break;
      }
      case 'foreign-create':
        model.create(what.id, world.nowMs + what.holdMs);
        await world.foreign('create', what.id, world.nowMs + what.holdMs);
        break;
      case 'foreign-nonsense': {
        const nowMs = world.nowMs;
        const deadline = { none: undefined, 'in seconds': Math.floor(nowMs / 1_000), 'in microseconds': nowMs * 1_000 };
        // Seconds are always below now; microseconds are a deadline that never comes.
        model.create(what.id, what.deadline === 'in microseconds' ? nowMs * 1_000 : undefined);
        await world.foreign('create', what.id, deadline[what.deadline]);
        break;
      }
      case 'foreign-extend':
        model.extend(what.id, world.nowMs + what.holdMs, world.nowMs);
        await world.foreign('extend', what.id, world.nowMs + what.holdMs);
        break;
      case 'foreign-confirm':
        if (model.effective(what.id, world.nowMs) === 'PENDING') model.settle(what.id, 'CONFIRMED', world.nowMs);
        await world.foreign('confirm', what.id);
        break;
      case 'foreign-delete':
        model.delete(what.id);
        await world.foreign('delete', what.id);
        this.#before.delete(what.id);
        break;
      case 'time-passes':
        world.nowMs += what.ms;
        break;
      case 'time-goes-to-deadline': {
        const { expiresAtMs = 0 } = model.bookings.get(what.id) ?? {};
        if (expiresAtMs <= LATEST_DEADLINE_MS) world.nowMs = Math.max(world.nowMs, expiresAtMs + what.offsetMs);
        break;
      }
      case 'stream':
        await world.stream(what.to, what.records, what.again, fault);
        break;
      case 'deliver':
        await world.deliver(what.picks, what.twice, fault);
        break;
      case 'lose':
        world.lose(what.pick);
        break;
      case 'sweep':
        await world.sweep(what.atOnce, fault);
        break;
    }
    await this.#compare();
  }

  #expected(move: 'create' | 'extend' | 'confirm' | 'cancel', id: string, holdMs: number) {
    const { nowMs } = this.#world;
    if (move === 'create') return this.#model.create(id, nowMs + holdMs);
    if (move === 'extend') return this.#model.extend(id, nowMs + holdMs, nowMs);
    return this.#model.settle(id, move === 'confirm' ? 'CONFIRMED' : 'CANCELLED', nowMs);
  }

  async #compare(): Promise<void> {
    const { nowMs } = this.#world;
    for (const id of IDS) {
      const stored = await this.#world.read(id);
      const wanted = this.#model.bookings.get(id);
      promise(
        (stored === undefined) === (wanted === undefined),
        `${id} is ${stored ? '' : 'not '}there, must be otherwise`,
      );
      if (stored === undefined || wanted === undefined) continue;
      const effective = effectiveStatus(stored, nowMs);
      const must = this.#model.effective(id, nowMs);
      promise(effective === must, `${id} is reported ${effective}, must be ${must}`);
      const before = this.#before.get(id)?.status ?? 'PENDING';
      promise(MAY_BECOME[before].includes(stored.status), `${id} went from ${before} to ${stored.status}`);
      if (stored.status === 'EXPIRED') {
        const { expiredAtMs = 0, expiresAtMs } = stored;
        promise(wanted.expiresAtMs !== undefined, `${id} expired although it has no usable deadline`);
        promise(expiredAtMs >= expiresAtMs, `${id} expired ${expiresAtMs - expiredAtMs} ms early`);
        promise(expiresAtMs === wanted.expiresAtMs, `${id} has another deadline than it was given`);
        promise(!('pendingShard' in stored), `${id} expired and is still in the index`);
        this.#committed.add(`${id}:EXPIRED:${expiredAtMs}`);
      }
      this.#before.set(id, stored);
    }
  }

  /** The faults stop: what the stream still holds is delivered, time passes, and one sweep runs. No timer comes any more. */
  async end(): Promise<void> {
    const world = this.#world;
    await world.stream('timers', Number.POSITIVE_INFINITY, 0, undefined);
    const deadlines = [...this.#model.bookings.values()]
      .map(({ expiresAtMs = 0 }) => expiresAtMs)
      .filter((expiresAtMs) => expiresAtMs <= LATEST_DEADLINE_MS);
    world.nowMs = Math.max(world.nowMs, ...deadlines) + 31_000;
    await world.sweep(1, undefined);
    await this.#compare();
    for (const id of IDS) {
      const stored = await world.read(id);
      if (stored === undefined) continue;
      const must = this.#model.effective(id, world.nowMs);
      promise(stored.status === must, `${id} is ${stored.status} after the last sweep, must be ${must}`);
    }
    await world.stream('events', Number.POSITIVE_INFINITY, 0, undefined);
    for (const eventId of this.#committed) promise(world.published.has(eventId), `nobody was told of ${eventId}`);
  }
}

/** Whether a booking is stored as the model has it, apart from what time alone has done to it. */
const same = (
  stored: Booking,
  wanted: { status: BookingStatus; expiresAtMs: number | undefined } | undefined,
): boolean =>
  wanted !== undefined &&
  stored.expiresAtMs === wanted.expiresAtMs &&
  (stored.status === wanted.status || (stored.status === 'EXPIRED' && wanted.status === 'PENDING'));

/** Plays histories, each in tables of its own, on an engine that is renewed now and then. */
export class Player {
  #engine: Engine | undefined;
  #clients: ConstructorParameters<typeof World>[0] | undefined;
  #played = 0;

  /**
   * @param lambdasAheadMs how far the Lambdas' clocks are ahead of everybody else's
   * @throws BrokenPromise if a promise does not hold
   */
  readonly play = async (history: readonly Step[], lambdasAheadMs = 0): Promise<void> => {
    const world = new World(await this.#ready(), lambdasAheadMs);
    await world.begin();
    const play = new Play(world);
    try {
      for (const step of history) await play.step(step);
      await play.end();
    } finally {
      await world.end();
    }
  };

  async #ready() {
    if (this.#played % HISTORIES_PER_ENGINE === 0) {
      await this.stop();
      this.#engine = await startDynamoDb({ port: 0, portVariable: 'DYNAMODB_PORT' });
      const client = { region: REGION, credentials: LOCAL_CREDENTIALS, endpoint: this.#engine.endpoint };
      this.#clients = {
        raw: new DynamoDBClient(client),
        documents: documentClient(client),
        streams: new DynamoDBStreamsClient(client),
        assembly: readAssembly(TEST_ASSEMBLY),
      };
    }
    this.#played += 1;
    if (this.#clients === undefined) throw new Error('there is no engine');
    return this.#clients;
  }

  async stop(): Promise<void> {
    this.#clients?.raw.destroy();
    this.#clients?.documents.destroy();
    this.#clients?.streams.destroy();
    await this.#engine?.stop();
  }
}
