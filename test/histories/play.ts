/** One history, played in the world and in the model; the two are compared after every step. */

import { isDeepStrictEqual } from 'node:util';
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { Booking } from '../../functions/core/booking-status.ts';
import { LATEST_DEADLINE_MS, MINUTE_MS, SECOND_MS } from '../../functions/core/hold-time.ts';
import { readBooking } from '../../functions/table/item.ts';
import { BOOKINGS_SHAPE } from '../../functions/table/shape.ts';
import { itemBytes, MAX_ITEM_BYTES } from '../memory/item-size.ts';
import { effective, type ModelBooking, type ModelMove, moved, told } from './model.ts';
import { found, type Moment } from './past.ts';
import type { Circumstances, Settings } from './process.ts';
import { Punctuality } from './punctuality.ts';
import { IDS, MAX_LAG_MS, type Step } from './steps.ts';
import type { StrangeItem } from './strangers.ts';
import { DETAILS, type SweptBy, type World } from './world.ts';

/** Before any deployment. */
const FIRST_SETTINGS: Settings = { shardCount: 3, timerLeadMs: SECOND_MS, sweepIntervalMs: 5 * MINUTE_MS };
/** What a scheduled sweep leaves to timers that are merely slow: said here once more, so that the code is held to it. */
const OVERDUE_AFTER_MS = 30 * SECOND_MS;
/** Scheduled sweeps of one step at the most: then the schedule stands still. */
const MAX_SCHEDULED = 40;

/** Thrown when the world is not as the model says. */
export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise';
}

const promise = (holds: boolean, broken: string): void => {
  if (!holds) throw new BrokenPromise(broken);
};

type Bookings = ReadonlyMap<string, ModelBooking>;

export class Play {
  readonly #world: World;
  #bookings = new Map<string, ModelBooking>();
  /** What was true after each step, and what was stored then. */
  readonly #past: { readonly bookings: Bookings; readonly moment: Moment }[] = [];
  /** Bookings that a stranger wrote, or wrote to against the rules: of what else is in them nothing is sure. */
  readonly #strange = new Set<string>();
  /** Bookings that once were items without room. */
  readonly #nearlyFull = new Set<string>();
  /** Moves that may have been made, with their millisecond. */
  readonly #made = new Set<string>();
  /** The milliseconds of sweeps, by their own clocks. */
  readonly #sweptMs = new Set<number>();
  /** Expiries that were committed and must be told. */
  readonly #committed = new Set<string>();
  /** Expiries that a restored table holds: another table's stream told of them, or did not. */
  #restoredExpiries = new Set<string>();
  readonly #punctuality = new Punctuality();
  /** Clocks, in this step, of whoever marks what has lapsed by them. */
  #markingMs: number[] = [];
  /** The same of requests that have not arrived yet. */
  #lateMarkingMs: number[] = [];
  /** Moves some of whose tries have not arrived yet. Only those that were not answered as done may still do something. */
  #late: { readonly id: string; readonly move: ModelMove; isDone: boolean }[] = [];
  #settings = FIRST_SETTINGS;
  /** While two versions run: those of the one before. */
  #settingsBefore: Settings | undefined;
  #lastScheduledMs: number;

  constructor(world: World) {
    this.#world = world;
    this.#lastScheduledMs = world.nowMs;
  }

  async step(step: Step): Promise<void> {
    const { what, fault, offMs, isOld } = step;
    const world = this.#world;
    const settings = isOld ? (this.#settingsBefore ?? this.#settings) : this.#settings;
    const lagMs = ('lagMs' in what ? what.lagMs : undefined) ?? 0;
    const circumstances: Circumstances = { fault, offMs, settings, lagMs };
    const lateBefore = world.lateRequests;
    this.#markingMs = [];
    switch (what.do) {
      case 'create':
      case 'extend':
      case 'confirm':
      case 'cancel':
        await this.#move(what.do, what.id, 'holdMs' in what ? what.holdMs : 0, circumstances);
        break;
      case 'read':
        await this.#read(what.id, circumstances);
        break;
      case 'list':
        await this.#list(circumstances);
        break;
      case 'foreign-create': {
        const expiresAtMs = world.nowMs + what.holdMs;
        if (!this.#bookings.has(what.id)) this.#bookings.set(what.id, { status: 'PENDING', expiresAtMs });
        await world.put(what.id, { status: { S: 'PENDING' }, expiresAtMs: { N: String(expiresAtMs) } });
        break;
      }
      case 'foreign-extend': {
        const expiresAtMs = world.nowMs + what.holdMs;
        if (effective(this.#bookings.get(what.id), world.nowMs) === 'PENDING')
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
      case 'stranger-restarts': {
        const isDone = await world.changeAgainstTheRules(what.id, 'holdStartedAtMs', { N: String(world.nowMs) });
        if (isDone) this.#strange.add(what.id);
        break;
      }
      case 'late-requests-land':
        await this.#landLateRequests();
        break;
      case 'time-passes':
        await this.#passTo(world.nowMs + what.ms, what.onSchedule ?? false, { settings, lagMs });
        break;
      case 'time-goes-to-deadline': {
        const { expiresAtMs = 0 } = this.#bookings.get(what.id) ?? {};
        if (expiresAtMs > LATEST_DEADLINE_MS || expiresAtMs + what.offsetMs <= world.nowMs) break;
        await this.#passTo(expiresAtMs + what.offsetMs, what.onSchedule ?? false, { settings, lagMs });
        break;
      }
      case 'stream':
        await this.#stream(what.to, what.records, what.again, circumstances);
        break;
      case 'give-up':
        for (const id of await world.giveUp(what.records)) this.#punctuality.spoil(id);
        break;
      case 'deliver':
        await this.#deliver(what.picks, what.twice, circumstances);
        break;
      case 'lose': {
        const lost = world.lose(what.pick);
        if (lost !== undefined) this.#punctuality.spoil(lost);
        break;
      }
      case 'sweep':
        await this.#sweep(what.by, what.atOnce, circumstances);
        break;
      case 'deploy':
        this.#settingsBefore ??= this.#settings;
        this.#settings = what.settings;
        break;
      case 'deployed':
      case 'rolled-back':
        if (this.#settingsBefore === undefined) break;
        if (what.do === 'rolled-back') this.#settings = this.#settingsBefore;
        this.#settingsBefore = undefined;
        await this.#sweep('deployment', 1, { ...circumstances, settings: this.#settings });
        break;
      case 'restore':
        await this.#restore(what.back, what.state);
        break;
    }
    if (world.lateRequests > lateBefore) this.#lateMarkingMs.push(...this.#markingMs);
    this.#compare();
  }

  #clockOf({ offMs = 0 }: Circumstances): number {
    return this.#world.nowMs + offMs;
  }

  #apply(id: string, move: ModelMove): ReturnType<typeof moved>[0] {
    const [answer, booking] = moved(this.#bookings.get(id), move);
    if (booking) this.#bookings.set(id, booking);
    return answer;
  }

  /** Another booking begins under this id, or another life of it: what is late may meet it. */
  #forget(id: string): void {
    for (const late of this.#late) if (late.id === id) late.isDone = false;
  }

  async #move(kind: ModelMove['kind'], id: string, holdMs: number, circumstances: Circumstances): Promise<void> {
    const world = this.#world;
    const nowMs = this.#clockOf(circumstances);
    const move: ModelMove =
      kind === 'create' || kind === 'extend' ? { kind, expiresAtMs: nowMs + holdMs, nowMs } : { kind, nowMs };
    const lateBefore = world.lateRequests;
    const twin = `${id}:${kind}:${nowMs}`;
    // A refusal, and a creation that finds the booking, make what they say true.
    this.#markingMs.push(nowMs);
    const { answer, told: found } = await world.move(kind, id, holdMs, circumstances);
    const untouched = this.#bookings.get(id);
    const expected = this.#apply(id, move);
    if (answer === 'unknown') {
      // Nobody heard what became of it: it was made or it was not, and the booking tells.
      const wasMade = same(world.stored(id), this.#bookings.get(id));
      if (!wasMade && untouched === undefined) this.#bookings.delete(id);
      else if (!wasMade && untouched) this.#bookings.set(id, untouched);
    } else {
      // Of two that were made at the same millisecond, one whose answer was lost cannot be told from the other.
      const isTwin = expected === 'unchanged' && answer === 'done' && this.#made.has(twin);
      promise(answer === expected || isTwin, `${id}: ${kind} was answered with ${answer}, must be ${expected}`);
      const must = this.#bookings.get(id)?.status;
      promise(answer !== 'refused' || found === must, `${id}: ${kind} was refused with ${found}, must be ${must}`);
    }
    this.#made.add(twin);
    if (world.lateRequests > lateBefore) this.#late.push({ id, move, isDone: answer === 'done' });
  }

  /** Somebody is told what the booking is, and from then on it is so. */
  async #read(id: string, circumstances: Circumstances): Promise<void> {
    const nowMs = this.#clockOf(circumstances);
    this.#markingMs.push(nowMs);
    const heard = await this.#world.read(id, circumstances);
    if (heard === 'unheard') return;
    const booking = told(this.#bookings.get(id), nowMs);
    promise(heard === booking?.status, `${id} is reported ${heard}, must be ${booking?.status}`);
    if (booking) this.#bookings.set(id, booking);
  }

  /** A list tells what was PENDING when the index was as it sees it, and has not lapsed by its clock. */
  async #list(circumstances: Circumstances): Promise<void> {
    const listed = await this.#world.list(circumstances);
    if (listed === undefined) return;
    const { lagMs = 0, settings } = circumstances;
    const then =
      lagMs === 0
        ? this.#bookings
        : (this.#past.findLast(({ moment }) => moment.atMs <= this.#world.nowMs - lagMs)?.bookings ?? new Map());
    const items = this.#world.itemsOf(lagMs);
    const must = [...(then as Bookings)]
      .filter(([, booking]) => effective(booking, this.#clockOf(circumstances)) === 'PENDING')
      .filter(([, { expiresAtMs }]) => expiresAtMs !== undefined)
      // Lists look into as many shards as their version has; into the others only sweeps do.
      .filter(
        ([id]) =>
          (readBooking(BOOKINGS_SHAPE, items.get(id))?.pendingShard ?? Number.POSITIVE_INFINITY) < settings.shardCount,
      )
      .map(([id]) => id);
    promise(isDeepStrictEqual(listed.toSorted(), must.toSorted()), `listed are ${listed}, must be ${must}`);
  }

  async #strangerWrites(id: string, item: StrangeItem): Promise<void> {
    const { deadline, status, others, bytesLeft, detailsBytes } = item;
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
    if (detailsBytes !== undefined) attributes.details = { M: { note: { S: 'x'.repeat(detailsBytes) } } };
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
    const isDone =
      status === undefined
        ? await world.changeAgainstTheRules(id, 'expiresAtMs', { N: String(expiresAtMs) })
        : await world.changeAgainstTheRules(id, 'status', { S: status });
    if (!isDone || booking === undefined) return;
    this.#bookings.set(id, status === undefined ? { status: booking.status, expiresAtMs } : { ...booking, status });
    this.#strange.add(id);
    this.#forget(id);
  }

  /** What was held back arrives: it may do what its sender was never told of, and must not undo anything. */
  async #landLateRequests(): Promise<void> {
    const world = this.#world;
    const late = this.#late;
    this.#late = [];
    this.#markingMs.push(...this.#lateMarkingMs);
    this.#lateMarkingMs = [];
    if (world.lateRequests === 0) return;
    await world.landLateRequests();
    for (const id of IDS) {
      const booking = this.#bookings.get(id);
      let mayBe: (ModelBooking | undefined)[] = [booking];
      for (const { move, isDone } of late.filter((each) => each.id === id)) {
        if (!isDone) mayBe = [...mayBe, ...mayBe.map((each) => moved(each, move)[1])];
      }
      const is = mayBe.find((each) => same(world.stored(id), each));
      promise(is !== undefined || same(world.stored(id), booking), `${id} was changed by a request that came late`);
      if (is) this.#bookings.set(id, is);
    }
  }

  /** Time passes, with the sweeps of the schedule or without. */
  async #passTo(untilMs: number, onSchedule: boolean, circumstances: Circumstances): Promise<void> {
    const world = this.#world;
    const { sweepIntervalMs } = circumstances.settings;
    for (let sweeps = 0; onSchedule && sweeps < MAX_SCHEDULED; sweeps += 1) {
      const nextMs = Math.max(world.nowMs, this.#lastScheduledMs + sweepIntervalMs);
      if (nextMs > untilMs) break;
      await this.#moveClock(nextMs);
      await this.#sweep('schedule', 1, circumstances);
      this.#compare();
    }
    await this.#moveClock(untilMs);
  }

  async #moveClock(toMs: number): Promise<void> {
    const fromMs = this.#world.nowMs;
    this.#world.nowMs = toMs;
    await this.#judgePunctuality(fromMs);
  }

  /** Deadlines have come: what no fault has touched has its timer now. */
  async #judgePunctuality(fromMs: number): Promise<void> {
    const world = this.#world;
    for (const [id, { status, expiresAtMs = 0 }] of this.#bookings) {
      if (status !== 'PENDING' || expiresAtMs <= fromMs || expiresAtMs > world.nowMs) continue;
      if (world.stored(id)?.status !== 'PENDING' || this.#nearlyFull.has(id)) continue;
      if (!this.#punctuality.hasRight(id, expiresAtMs) || (await world.undelivered('timers', id)) > 0) continue;
      promise(world.hasTimer(id, expiresAtMs), `${id} is late: its deadline came, and no timer`);
    }
  }

  async #stream(to: 'timers' | 'events', count: number, again: number, circumstances: Circumstances): Promise<void> {
    const world = this.#world;
    const handled = await world.stream(to, count, again, circumstances);
    if (to === 'events') return;
    const { fault, offMs = 0, settings } = circumstances;
    for (const { bookingId, expiresAtMs } of handled) {
      if (fault === undefined && offMs === 0) this.#punctuality.handled(bookingId, expiresAtMs, world.nowMs, settings);
      else this.#punctuality.spoil(bookingId);
    }
  }

  async #deliver(picks: readonly number[], twice: boolean, circumstances: Circumstances): Promise<void> {
    const world = this.#world;
    const fromMs = world.nowMs;
    const { offMs = 0 } = circumstances;
    const delivered = await world.deliver(picks, twice, circumstances);
    // Its clock shows the most when it is through.
    this.#markingMs.push(this.#clockOf(circumstances));
    for (const { bookingId, expiresAtMs } of delivered) {
      if (offMs !== 0) this.#punctuality.spoil(bookingId);
      const { status, expiresAtMs: deadlineMs = Number.POSITIVE_INFINITY } = world.stored(bookingId) ?? {};
      if (status !== 'PENDING' || deadlineMs > expiresAtMs || this.#nearlyFull.has(bookingId)) continue;
      promise(world.awaits(bookingId), `${bookingId} did not expire by its timer, which does not come again`);
    }
    await this.#judgePunctuality(fromMs);
  }

  async #sweep(by: SweptBy, atOnce: number, circumstances: Circumstances): Promise<void> {
    const world = this.#world;
    const nowMs = this.#clockOf(circumstances);
    const { fault, offMs = 0, lagMs = 0, settings } = circumstances;
    const before = new Map(IDS.map((id) => [id, world.stored(id)]));
    const isPatient = (by === 'schedule' || by === 'deployment') && lagMs === 0;
    // In an older index it may find a deadline that has moved on since: then its write decides alone.
    this.#markingMs.push(nowMs - (isPatient ? OVERDUE_AFTER_MS : 0));
    const { expired, hasFailed, isRefused } = await world.sweep(by, atOnce, circumstances);
    if (by === 'schedule') this.#lastScheduledMs = world.nowMs;
    if (isRefused) {
      promise(Math.abs(offMs) > 1_000, `a command was refused although its clock is ${offMs} ms off`);
      return;
    }
    promise(by !== 'command' || Math.abs(offMs) < 2_000, `a command ran with a clock that is ${offMs} ms off`);
    promise(!hasFailed || fault !== undefined, 'a sweep failed although nothing went wrong');
    if (offMs !== 0) this.#punctuality.sweptByWrongClock();
    else if (fault !== undefined) this.#punctuality.sweptInPart(nowMs, settings, lagMs);
    else this.#punctuality.swept(nowMs, settings, by === 'deployment', lagMs);
    // Two at the same millisecond cannot be told apart, and of a process that ended nobody heard.
    const isTwin = this.#sweptMs.has(nowMs);
    this.#sweptMs.add(nowMs);
    if (atOnce > 1 || isTwin || (fault !== undefined && fault.kind !== 'network')) return;
    const swept = IDS.filter((id) => {
      const { status, expiredBy, expiredAtMs } = world.stored(id) ?? {};
      if (before.get(id)?.status !== 'PENDING' || status !== 'EXPIRED') return false;
      // A nearly full item does not say by whom.
      return expiredBy === 'sweep' || expiredAtMs === undefined;
    });
    promise(expired === swept.length, `the sweep said that it expired ${expired}, it expired ${swept.length}`);
  }

  /** By the runbook: nothing of the service runs, and what was settled since is brought to what is true. */
  async #restore(back: number, state: 'kept' | 'lost' | 'old'): Promise<void> {
    const world = this.#world;
    const { bookings, moment } = this.#past.at(-1 - back) ?? {};
    if (bookings === undefined || moment === undefined) return;
    const settled = [...this.#bookings].filter(([, { status }]) => status === 'CONFIRMED' || status === 'CANCELLED');
    const reconciled = settled.flatMap(([id]) => found(world.items, id));
    await world.restore(moment, state, reconciled);
    this.#bookings = new Map([...bookings, ...settled]);
    this.#punctuality.spoilAll();
    // The old table's stream is read no more, and its late requests find no table.
    this.#committed.clear();
    this.#restoredExpiries = new Set(IDS.map((id) => `${id}:EXPIRED:${world.stored(id)?.expiredAtMs}`));
    this.#late = [];
    this.#lateMarkingMs = [];
  }

  #compare(): void {
    const world = this.#world;
    for (const id of IDS) {
      const isThere = world.items.has(id);
      let wanted = this.#bookings.get(id);
      promise(isThere === (wanted !== undefined), `${id} is ${isThere ? '' : 'not '}there, must be otherwise`);
      const stored = world.stored(id);
      if (stored === undefined || wanted === undefined) continue;
      if (stored.status === 'EXPIRED' && wanted.status === 'PENDING') {
        const isRight = this.#markingMs.some((nowMs) => effective(wanted, nowMs) === 'EXPIRED');
        promise(isRight, `${id} expired early: ${(wanted.expiresAtMs ?? 0) - world.nowMs} ms before its deadline`);
        wanted = { ...wanted, status: 'EXPIRED' };
        this.#bookings.set(id, wanted);
      }
      promise(stored.status === wanted.status, `${id} is ${stored.status}, must be ${wanted.status}`);
      promise(stored.expiresAtMs === wanted.expiresAtMs, `${id} has another deadline than it was given`);
      // Strangers write none, or others. Only the store's own creation says when it was.
      if (!this.#strange.has(id)) {
        const details = stored.createdAtMs === undefined ? undefined : DETAILS;
        promise(isDeepStrictEqual(stored.details, details), `${id} has other details than it was given`);
      }
      if (stored.status === 'EXPIRED' && !this.#strange.has(id)) {
        const { expiredAtMs = 0, expiresAtMs } = stored;
        promise(expiresAtMs !== undefined, `${id} expired although it has no usable deadline`);
        promise(expiredAtMs >= (expiresAtMs ?? 0), `${id} expired ${(expiresAtMs ?? 0) - expiredAtMs} ms early`);
        promise(stored.pendingShard === undefined, `${id} expired and is still in the index`);
        const eventId = `${id}:EXPIRED:${expiredAtMs}`;
        if (!this.#restoredExpiries.has(eventId)) this.#committed.add(eventId);
      }
    }
    const moment = world.moments.at(-1);
    if (moment) this.#past.push({ bookings: new Map(this.#bookings), moment });
  }

  /**
   * The faults stop, no timer comes any more, and no record either: sweeps alone must find what is left. What is in the index
   * is expired by the first sweep that is a minute and a half after its deadline, however old its index is. What is in no index
   * is expired by as many sweeps as the table has pages.
   */
  async end(): Promise<void> {
    const world = this.#world;
    this.#markingMs = [];
    await this.#landLateRequests();
    this.#compare();
    const deadlines = [...this.#bookings.values()]
      .map(({ expiresAtMs = 0 }) => expiresAtMs)
      .filter((expiresAtMs) => expiresAtMs <= LATEST_DEADLINE_MS);
    world.nowMs = Math.max(world.nowMs, ...deadlines) + OVERDUE_AFTER_MS + MAX_LAG_MS;
    const indexed = new Set(IDS.filter((id) => world.stored(id)?.pendingShard !== undefined));
    // An item is a page, and the last one is empty.
    for (let sweeps = 0; sweeps <= world.items.size; sweeps += 1) {
      this.#markingMs = [];
      await this.#sweep('schedule', 1, { settings: this.#settings, lagMs: MAX_LAG_MS });
      this.#compare();
      for (const id of sweeps === 0 ? indexed : []) this.#promiseRest(id, 'the first sweep after it lapsed');
    }
    for (const id of IDS) this.#promiseRest(id, 'all that sweeps can do');
    await this.#drainEvents();
    for (const eventId of this.#committed) promise(world.published.has(eventId), `nobody was told of ${eventId}`);
    for (const { eventId, details = {} } of world.published.values()) {
      const isObject = typeof details === 'object' && details !== null && !Array.isArray(details);
      promise(isObject, `the event ${eventId} has details that are no object`);
    }
    for (const { body } of world.letters) {
      const { bookingId, DDBStreamBatchInfo } = JSON.parse(body);
      const isRight = DDBStreamBatchInfo !== undefined || this.#nearlyFull.has(bookingId);
      promise(isRight, `${bookingId} is a dead letter, but nothing of it is beyond what AWS takes`);
    }
  }

  #promiseRest(id: string, after: string): void {
    const stored = this.#world.stored(id);
    const must = effective(this.#bookings.get(id), this.#world.nowMs);
    promise(stored?.status === must, `${id} is ${stored?.status} after ${after}, must be ${must}`);
  }

  /** Once no fault is left, each record is worked off at its first try. */
  async #drainEvents(): Promise<void> {
    const world = this.#world;
    await world.stream('events', await world.undelivered('events'), 0, { settings: this.#settings });
    const left = await world.undelivered('events');
    promise(left === 0, `${left} record(s) stay untold although nothing fails any more`);
  }
}

/** Whether a booking is stored as the model has it, apart from what time alone has done to it. */
const same = (stored: Booking | undefined, wanted: ModelBooking | undefined): boolean => {
  if (stored === undefined || wanted === undefined) return stored === undefined && wanted?.status === undefined;
  return (
    stored.expiresAtMs === wanted.expiresAtMs &&
    (stored.status === wanted.status || (stored.status === 'EXPIRED' && wanted.status === 'PENDING'))
  );
};
