/** Plays a history in the world and in the model, and compares the two after every step. */
import { isDeepStrictEqual } from 'node:util';
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { type Booking, effectiveStatus } from '../../functions/core/booking-status.ts';
import { LATEST_DEADLINE_MS } from '../../functions/core/hold-time.ts';
import { type Item, readBooking } from '../../functions/table/item.ts';
import { type Engine, LOCAL_CREDENTIALS, REGION } from '../../local/engines.ts';
import { openDynamoDb } from '../../local/open-engines.ts';
import { readAssembly } from '../../local/template.ts';
import { TEST_ASSEMBLY } from '../support/synthesize.ts';
import { effective, type ModelBooking, type ModelMove, moved } from './model.ts';
import { IDS, type Step } from './steps.ts';
import { itemBytes, MAX_ITEM_BYTES, type StrangeItem } from './strangers.ts';
import { DETAILS, World } from './world.ts';

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
const MAY_BECOME = new Map<string, readonly string[]>([
  ['PENDING', ['PENDING', 'CONFIRMED', 'CANCELLED', 'EXPIRED']],
  ['CONFIRMED', ['CONFIRMED', 'CANCELLED']],
  ['CANCELLED', ['CANCELLED']],
  ['EXPIRED', ['EXPIRED']],
]);

class Play {
  readonly #world: World;
  readonly #bookings = new Map<string, ModelBooking>();
  /** Each booking as it was stored after the last step. */
  readonly #before = new Map<string, Booking>();
  /** Bookings that a stranger wrote, or wrote to against the rules: of what else is in them nothing is sure. */
  readonly #strange = new Set<string>();
  /** Bookings that once were items without room. */
  readonly #nearlyFull = new Set<string>();
  /** Moves that may have been made, with their millisecond. */
  readonly #made = new Set<string>();
  /** Expiries that were committed and must be told. */
  readonly #committed = new Set<string>();
  /** Moves some of whose tries have not arrived yet. Only those that were not answered as done may still do something. */
  #late: { readonly id: string; readonly move: ModelMove; isDone: boolean }[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  async step({ what, fault }: Step): Promise<void> {
    const world = this.#world;
    switch (what.do) {
      case 'create':
      case 'extend':
      case 'confirm':
      case 'cancel':
        await this.#move(what.do, what.id, 'holdMs' in what ? what.holdMs : 0, fault);
        break;
      case 'foreign-create': {
        const expiresAtMs = world.nowMs + what.holdMs;
        this.#apply(what.id, { kind: 'create', expiresAtMs, nowMs: world.nowMs });
        await world.put(what.id, { status: { S: 'PENDING' }, expiresAtMs: { N: String(expiresAtMs) } });
        break;
      }
      case 'foreign-extend': {
        const expiresAtMs = world.nowMs + what.holdMs;
        this.#apply(what.id, { kind: 'extend', expiresAtMs, nowMs: world.nowMs });
        await world.changeByTheRules(what.id, 'expiresAtMs', { N: String(expiresAtMs) });
        break;
      }
      case 'foreign-confirm':
        if (effective(this.#bookings.get(what.id), world.nowMs) === 'PENDING')
          this.#apply(what.id, { kind: 'confirm', nowMs: world.nowMs });
        await world.changeByTheRules(what.id, 'status', { S: 'CONFIRMED' });
        break;
      case 'foreign-delete':
        await world.delete(what.id);
        this.#forget(what.id);
        this.#bookings.delete(what.id);
        this.#strange.delete(what.id);
        break;
      case 'stranger-writes':
        await this.#strangerWrites(what.id, what.item);
        break;
      case 'stranger-changes':
        await this.#strangerChanges(what.id, what.status, what.holdMs);
        break;
      case 'late-requests-land':
        await this.#landLateRequests();
        break;
      case 'time-passes':
        world.nowMs += what.ms;
        break;
      case 'time-goes-to-deadline': {
        const { expiresAtMs = 0 } = this.#bookings.get(what.id) ?? {};
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
      case 'sweep': {
        const expired = await world.sweep(what.atOnce, fault);
        // Two at the same millisecond cannot be told apart, and of a process that ended nobody heard.
        if (what.atOnce === 1 && (fault === undefined || fault.kind === 'network')) await this.#countSwept(expired);
        break;
      }
    }
    await this.#compare();
  }

  #apply(id: string, move: ModelMove): ReturnType<typeof moved>[0] {
    const [answer, booking] = moved(this.#bookings.get(id), move);
    if (booking) this.#bookings.set(id, booking);
    return answer;
  }

  /** Another booking begins under this id, or another life of it: what is late may meet it. */
  #forget(id: string): void {
    this.#before.delete(id);
    for (const late of this.#late) if (late.id === id) late.isDone = false;
  }

  async #move(kind: 'create' | 'extend' | 'confirm' | 'cancel', id: string, holdMs: number, fault: Step['fault']) {
    const world = this.#world;
    const { nowMs } = world;
    const move: ModelMove =
      kind === 'create' || kind === 'extend' ? { kind, expiresAtMs: nowMs + holdMs, nowMs } : { kind, nowMs };
    const lateBefore = world.lateRequests;
    const twin = `${id}:${kind}:${nowMs}`;
    const answer = await world.move(kind, id, holdMs, fault);
    const untouched = this.#bookings.get(id);
    const expected = this.#apply(id, move);
    if (answer === 'unknown') {
      // Nobody heard what became of it: it was made or it was not, and the booking tells.
      const wasMade = same(await world.read(id), this.#bookings.get(id));
      if (!wasMade && untouched === undefined) this.#bookings.delete(id);
      else if (!wasMade && untouched) this.#bookings.set(id, untouched);
    } else {
      // Of two that were made at the same millisecond, one whose answer was lost cannot be told from the other.
      const isTwin = expected === 'unchanged' && answer === 'done' && this.#made.has(twin);
      promise(answer === expected || isTwin, `${id}: ${kind} was answered with ${answer}, must be ${expected}`);
    }
    this.#made.add(twin);
    if (world.lateRequests > lateBefore) this.#late.push({ id, move, isDone: answer === 'done' });
  }

  async #strangerWrites(id: string, { deadline, status, others, bytesLeft }: StrangeItem): Promise<void> {
    const world = this.#world;
    const attributes: Record<string, AttributeValue> = { ...others };
    let booking: ModelBooking = { status: status === 'none' ? undefined : status.S, expiresAtMs: undefined };
    if (status !== 'none') attributes.status = status;
    if (deadline !== 'none' && 'unusable' in deadline) {
      attributes.expiresAtMs = deadline.unusable;
      booking = { ...booking, isEndless: Number(deadline.unusable.N) > LATEST_DEADLINE_MS };
    } else if (deadline !== 'none') {
      const wholeMs = world.nowMs + deadline.holdMs;
      attributes.expiresAtMs = { N: `${wholeMs}${deadline.fraction}` };
      booking = { ...booking, expiresAtMs: wholeMs + (deadline.fraction === '' ? 0 : 1) };
    }
    if (bytesLeft !== undefined) {
      const left = MAX_ITEM_BYTES - bytesLeft - itemBytes({ ...attributes, bookingId: { S: id }, fill: { S: '' } });
      attributes.fill = { S: 'x'.repeat(Math.max(0, left)) };
    }
    if (this.#bookings.has(id)) return;
    if (!(await world.put(id, attributes))) return;
    this.#bookings.set(id, booking);
    this.#strange.add(id);
    if (bytesLeft !== undefined) this.#nearlyFull.add(id);
  }

  /** Against every rule: no condition, and whatever it was before. The truth is what the stranger wrote. */
  async #strangerChanges(id: string, status: string | undefined, holdMs: number): Promise<void> {
    const world = this.#world;
    const booking = this.#bookings.get(id);
    const expiresAtMs = world.nowMs + holdMs;
    // Whether time alone has made it EXPIRED, or the service too, decides what a new deadline means.
    const marked = (await world.read(id))?.status;
    const isDone =
      status === undefined
        ? await world.changeAgainstTheRules(id, 'expiresAtMs', { N: String(expiresAtMs) })
        : await world.changeAgainstTheRules(id, 'status', { S: status });
    if (!isDone || booking === undefined) return;
    this.#bookings.set(id, status === undefined ? { status: marked, expiresAtMs } : { ...booking, status });
    this.#strange.add(id);
    this.#forget(id);
  }

  /** What was held back arrives: it may do what its sender was never told of, and must not undo anything. */
  async #landLateRequests(): Promise<void> {
    const world = this.#world;
    const late = this.#late;
    this.#late = [];
    if (world.lateRequests === 0) return;
    await world.landLateRequests();
    const items = await world.readItems(IDS);
    for (const id of IDS) {
      const booking = this.#bookings.get(id);
      let mayBe: (ModelBooking | undefined)[] = [booking];
      for (const { move, isDone } of late.filter((each) => each.id === id)) {
        if (!isDone) mayBe = [...mayBe, ...mayBe.map((each) => moved(each, move)[1])];
      }
      const stored = items.get(id);
      const found = readBooking(stored);
      const is = mayBe.find((each) => (stored === undefined ? each === undefined : same(found, each)));
      const isThere = stored === undefined ? booking === undefined : same(found, booking) || is !== undefined;
      promise(isThere, `${id} was changed by a request that came late`);
      if (is !== booking) this.#before.delete(id);
      if (is) this.#bookings.set(id, is);
    }
  }

  async #countSwept(counted: number): Promise<void> {
    let swept = 0;
    for (const id of this.#before.keys()) {
      if (this.#before.get(id)?.status !== 'PENDING') continue;
      const { status, expiredBy, expiredAtMs } = (await this.#world.read(id)) ?? {};
      // A nearly full item does not say by whom.
      if (status === 'EXPIRED' && (expiredBy === 'sweep' || expiredAtMs === undefined)) swept += 1;
    }
    promise(counted === swept, `the sweep said that it expired ${counted}, it expired ${swept}`);
  }

  async #compare(): Promise<void> {
    const { nowMs } = this.#world;
    const items = await this.#world.readItems(IDS);
    for (const id of IDS) {
      const item = items.get(id);
      const wanted = this.#bookings.get(id);
      promise(
        (item === undefined) === (wanted === undefined),
        `${id} is ${item ? '' : 'not '}there, must be otherwise`,
      );
      const stored = readBooking(item);
      if (stored === undefined || wanted === undefined) continue;
      const is = effectiveStatus(stored, nowMs);
      const must = effective(wanted, nowMs);
      promise(is === must, `${id} is reported ${is}, must be ${must}`);
      promise(stored.expiresAtMs === wanted.expiresAtMs, `${id} has another deadline than it was given`);
      const before = this.#before.get(id)?.status;
      if (before !== undefined) {
        const may = MAY_BECOME.get(before) ?? [before];
        promise(may.includes(stored.status), `${id} went from ${before} to ${stored.status}`);
      }
      // Strangers write none, or others.
      if (stored.details !== undefined && !this.#strange.has(id)) {
        promise(isDeepStrictEqual(stored.details, DETAILS), `${id} has other details than it was given`);
      }
      if (stored.status === 'EXPIRED' && !this.#strange.has(id)) {
        const { expiredAtMs = 0, expiresAtMs } = stored;
        promise(expiresAtMs !== undefined, `${id} expired although it has no usable deadline`);
        promise(expiredAtMs >= (expiresAtMs ?? 0), `${id} expired ${(expiresAtMs ?? 0) - expiredAtMs} ms early`);
        promise(stored.pendingShard === undefined, `${id} expired and is still in the index`);
        this.#committed.add(`${id}:EXPIRED:${expiredAtMs}`);
      }
      this.#before.set(id, stored);
    }
  }

  /** The faults stop: what the stream still holds is delivered, time passes, and one sweep runs. No timer comes any more. */
  async end(): Promise<void> {
    const world = this.#world;
    await this.#landLateRequests();
    await this.#drain('timers');
    const deadlines = [...this.#bookings.values()]
      .map(({ expiresAtMs = 0 }) => expiresAtMs)
      .filter((expiresAtMs) => expiresAtMs <= LATEST_DEADLINE_MS);
    world.nowMs = Math.max(world.nowMs, ...deadlines) + 31_000;
    await world.sweep(1, undefined);
    await this.#compare();
    const items = await world.readItems(IDS);
    for (const [id, item] of items) {
      const stored = readBooking(item);
      if (stored === undefined) continue;
      const must = effective(this.#bookings.get(id), world.nowMs);
      // What takes no attribute more cannot be put into the index: then somebody is told.
      const isTold = isNearlyFull(item) && world.deadLetters.some((letter) => JSON.parse(letter).bookingId === id);
      promise(stored.status === must || isTold, `${id} is ${stored.status} after the last sweep, must be ${must}`);
    }
    await this.#drain('events');
    for (const eventId of this.#committed) promise(world.published.has(eventId), `nobody was told of ${eventId}`);
    for (const { eventId, details = {} } of world.published.values()) {
      const isObject = typeof details === 'object' && details !== null && !Array.isArray(details);
      promise(isObject, `the event ${eventId} has details that are no object`);
    }
    for (const letter of world.deadLetters) {
      const { bookingId } = JSON.parse(letter);
      promise(
        this.#nearlyFull.has(bookingId),
        `${bookingId} is a dead letter, but nothing of it is beyond what AWS takes`,
      );
    }
  }

  /** Once no fault is left, each record is worked off at its first try, and so is what an adoption adds. */
  async #drain(to: 'timers' | 'events'): Promise<void> {
    const world = this.#world;
    let left = await world.undelivered(to);
    for (let rounds = 0; rounds < 3 && left > 0; rounds += 1) {
      await world.stream(to, left, 0, undefined);
      left = await world.undelivered(to);
    }
    promise(left === 0, `${left} record(s) stay undelivered to ${to} although nothing fails any more`);
  }
}

/** Whether an item has no room for the attributes that put a booking into the index. */
const isNearlyFull = (item: Item): boolean => itemBytes(item) > MAX_ITEM_BYTES - 60;

/** Whether a booking is stored as the model has it, apart from what time alone has done to it. */
const same = (stored: Booking | undefined, wanted: ModelBooking | undefined): boolean => {
  if (stored === undefined || wanted === undefined) return stored === undefined && wanted?.status === undefined;
  return (
    stored.expiresAtMs === wanted.expiresAtMs &&
    (stored.status === wanted.status || (stored.status === 'EXPIRED' && wanted.status === 'PENDING'))
  );
};

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
    // Both answers are met, each history always with the same one.
    const batchAnswers = history.length % 2 === 0 ? 'with the item' : 'without the item';
    const world = new World(await this.#ready(), lambdasAheadMs, batchAnswers);
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
      this.#engine = await openDynamoDb();
      const { endpoint } = this.#engine;
      const client = { region: REGION, credentials: LOCAL_CREDENTIALS, endpoint };
      this.#clients = {
        raw: new DynamoDBClient(client),
        streams: new DynamoDBStreamsClient(client),
        endpoint,
        assembly: readAssembly(TEST_ASSEMBLY),
      };
    }
    this.#played += 1;
    if (this.#clients === undefined) throw new Error('there is no engine');
    return this.#clients;
  }

  async stop(): Promise<void> {
    this.#clients?.raw.destroy();
    this.#clients?.streams.destroy();
    await this.#engine?.stop();
  }
}
