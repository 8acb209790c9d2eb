/** One history, played in the world and in the model; the two are compared after every step. */

import { isDeepStrictEqual } from 'node:util';
import type { Booking } from '../../functions/core/booking-status.ts';
import { EARLIEST_DEADLINE_MS, LATEST_DEADLINE_MS, MINUTE_MS, SECOND_MS } from '../../functions/core/hold-time.ts';
import { readShard } from '../../functions/core/pending-shard.ts';
import { attributeOf, type Item, readBooking, seenBooking } from '../../functions/table/item.ts';
import { hasOwnIndexKey } from '../../functions/table/shape.ts';
import { keptItem, only } from '../memory/attribute-value.ts';
import { itemBytes, MAX_ITEM_BYTES } from '../memory/item-size.ts';
import type { TableOfAMake } from '../support/five-tables.ts';
import { storedKey } from '../support/open-table.ts';
import { LAST_MOVE, type OwnersMove } from './application.ts';
import { deadlineAfter, effective, type ModelBooking, type ModelMove, type ModelRules, moved, told } from './model.ts';
import { deadlineAttribute, isOurs, modelWord, rulesOf, serviceNames, wordOf } from './owner.ts';
import { found, type Moment } from './past.ts';
import type { Circumstances, Settings } from './process.ts';
import { Punctuality } from './punctuality.ts';
import { hasRoomToExpire } from './room.ts';
import { IDS, MAX_LAG_MS, type Step } from './steps.ts';
import { attributesOf, type StrangeItem } from './strangers.ts';
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

/** Ids of bookings of which something is known. */
interface Marks {
  /** Those that a stranger wrote, or wrote to against the rules: of what else is in them nothing is sure. */
  readonly strange: Set<string>;
  /** Those that once were items without room. */
  readonly nearlyFull: Set<string>;
  /** Items of another kind than the service looks at. */
  readonly ofAnotherKind: Set<string>;
}

const noMarks = (): Marks => ({
  strange: new Set(),
  nearlyFull: new Set(),
  ofAnotherKind: new Set(),
});

/** The marks of before, but for some ids those of now. */
const restoredMarks = (before: Marks, now: Marks, ids: ReadonlySet<string>): Marks => {
  const of = (name: keyof Marks): Set<string> =>
    new Set([...[...before[name]].filter((id) => !ids.has(id)), ...[...now[name]].filter((id) => ids.has(id))]);
  return {
    strange: of('strange'),
    nearlyFull: of('nearlyFull'),
    ofAnotherKind: of('ofAnotherKind'),
  };
};

/** Steps in which only the service writes. */
const SERVICE_STEPS: ReadonlySet<Step['what']['do']> = new Set([
  'stream',
  'deliver',
  'sweep',
  'time-passes',
  'time-goes-to-deadline',
  'deployed',
  'rolled-back',
]);

export class Play {
  readonly #world: World;
  readonly #rules: ModelRules;
  #bookings = new Map<string, ModelBooking>();
  /** What was true after each step, and what was stored then. */
  readonly #past: { readonly bookings: Bookings; readonly marks: Marks; readonly moment: Moment }[] = [];
  /** What is known of single bookings. */
  #marks: Marks = noMarks();
  /** Bookings that were nearly full at any time: their dead letters outlive a deletion and a restore. */
  readonly #onceNearlyFull = new Set<string>();
  /** Moves that may have been made, with their millisecond. */
  readonly #made = new Set<string>();
  /** The milliseconds of sweeps, by their own clocks. */
  readonly #sweptMs = new Set<number>();
  /** Expiries that were committed and must be told. */
  readonly #committed = new Set<string>();
  /** All expiries that were ever committed: of nothing else may be told that it expired. */
  readonly #expiries = new Set<string>();
  /** How many of the world's moments have been looked through for expiries. */
  #lookedThrough = 0;
  readonly #punctuality = new Punctuality();
  /** Clocks, in this step, of whoever marks what has lapsed by them. */
  #markingMs: number[] = [];
  /** The same of requests that have not arrived yet. */
  #lateMarkingMs: number[] = [];
  /**
   * Moves some of whose tries have not arrived yet. Only those that were not answered as done may still do something, and those
   * that are not bound to what they saw, once the booking has another life.
   */
  #late: { readonly id: string; readonly move: ModelMove; isBound: boolean; isDone: boolean }[] = [];
  #settings = FIRST_SETTINGS;
  /** While two versions run: those of the one before. */
  #settingsBefore: Settings | undefined;
  #lastScheduledMs: number;

  constructor(world: World) {
    this.#world = world;
    this.#rules = rulesOf(world.make);
    this.#lastScheduledMs = world.nowMs;
  }

  async step(step: Step): Promise<void> {
    const { what, fault, offMs, isOld } = step;
    const world = this.#world;
    const settings = isOld ? (this.#settingsBefore ?? this.#settings) : this.#settings;
    const lagMs = ('lagMs' in what ? what.lagMs : undefined) ?? 0;
    const circumstances: Circumstances = { fault, offMs, settings, lagMs };
    const lateBefore = world.lateRequests;
    const itemsBefore = world.items;
    this.#markingMs = [];
    switch (what.do) {
      case 'create':
      case 'hold':
      case 'extend':
      case 'confirm':
      case 'cancel':
      case 'release':
        await this.#move(what, circumstances);
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
        await world.putBare(what.id, expiresAtMs);
        break;
      }
      case 'foreign-extend': {
        const expiresAtMs = world.nowMs + what.holdMs;
        const { attribute } = world.make.shape.deadline;
        const value = deadlineAttribute(world.make, expiresAtMs);
        await this.#changeByTheRules(what.id, attribute, value, { kind: 'extend', expiresAtMs, nowMs: world.nowMs });
        break;
      }
      case 'foreign-confirm': {
        const { attribute } = world.make.shape.status;
        const move: ModelMove = { kind: 'confirm', nowMs: world.nowMs };
        await this.#changeByTheRules(what.id, attribute, { S: world.make.paid }, move);
        break;
      }
      case 'foreign-delete':
        await world.delete(what.id);
        this.#forget(what.id);
        this.#bookings.delete(what.id);
        for (const marked of Object.values(this.#marks)) marked.delete(what.id);
        break;
      case 'stranger-writes':
        await this.#strangerWrites(what.id, what.item);
        break;
      case 'stranger-changes':
        await this.#strangerChanges(what.id, what.status, what.holdMs);
        break;
      case 'stranger-restarts': {
        const { holdStartedAtMs } = world.make.shape.attributes;
        const isDone = await world.changeAgainstTheRules(what.id, holdStartedAtMs, { N: String(world.nowMs) });
        if (isDone) this.#marks.strange.add(what.id);
        break;
      }
      case 'stranger-puts-again':
        if (await world.putAgain(what.id)) this.#marks.strange.add(what.id);
        this.#forget(what.id);
        break;
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
    if (SERVICE_STEPS.has(what.do)) this.#expectOwnersPartsKept(itemsBefore);
    if (world.lateRequests > lateBefore) this.#lateMarkingMs.push(...this.#markingMs);
    this.#compare();
  }

  #clockOf({ offMs = 0 }: Circumstances): number {
    return this.#world.nowMs + offMs;
  }

  #apply(id: string, move: ModelMove): ReturnType<typeof moved>[0] {
    const [answer, booking] = moved(this.#bookings.get(id), move, this.#rules);
    if (booking) this.#bookings.set(id, booking);
    return answer;
  }

  /** A foreign program that knows the rules makes a move. Of an item without room DynamoDB takes no larger one. */
  async #changeByTheRules(id: string, name: string, value: Item[string], move: ModelMove): Promise<void> {
    const isHeld = effective(this.#bookings.get(id), move.nowMs) === 'PENDING';
    const isDone = await this.#world.changeByTheRules(id, name, value);
    if (isHeld && (isDone || !this.#marks.nearlyFull.has(id))) this.#apply(id, move);
  }

  /** Another booking begins under this id, or another life of it: what is late may meet it. */
  #forget(id: string, evenBound = true): void {
    for (const late of this.#late) if (late.id === id && (evenBound || !late.isBound)) late.isDone = false;
  }

  async #move(what: Extract<Step['what'], { readonly do: OwnersMove }>, circumstances: Circumstances): Promise<void> {
    const world = this.#world;
    const { do: kind, id } = what;
    const holdMs = 'holdMs' in what ? what.holdMs : 0;
    const nowMs = this.#clockOf(circumstances);
    const expiresAtMs = deadlineAfter(holdMs, nowMs, this.#rules);
    const isCancelledFree = what.do === 'hold' && what.isCancelledFree;
    const move = { kind, expiresAtMs, nowMs, isCancelledFree } as ModelMove;
    const lateBefore = world.lateRequests;
    const isNoted = world.items.get(id)?.[LAST_MOVE] !== undefined;
    const isBound = kind === 'extend' || (world.manners.isCareful && isNoted);
    const twin = `${id}:${kind}:${nowMs}`;
    // A refusal by our own store, and a creation that finds the booking, make what they say true.
    if (!this.#rules.isOwners) this.#markingMs.push(nowMs);
    const { answer, told: found } = await world.move(kind, id, holdMs, circumstances, isCancelledFree);
    const untouched = this.#bookings.get(id);
    const expected = this.#apply(id, move);
    if (answer === 'unknown') {
      // Nobody heard what became of it: it was made or it was not, and the booking tells.
      const stored = world.stored(id);
      const wasMade = same(stored, this.#bookings.get(id)) && !isExactly(stored, untouched);
      if (!wasMade && untouched === undefined) this.#bookings.delete(id);
      else if (!wasMade && untouched) this.#bookings.set(id, untouched);
    } else {
      // Of two that were made at the same millisecond, one whose answer was lost cannot be told from the other.
      const isTwin = expected === 'unchanged' && answer === 'done' && this.#made.has(twin);
      promise(answer === expected || isTwin, `${id}: ${kind} was answered with ${answer}, must be ${expected}`);
      const must = effective(this.#bookings.get(id), nowMs);
      // Where an item has no status, the client may judge it by the deadline that was seen.
      const isSure = must !== undefined || world.items.get(id)?.[world.make.shape.status.attribute]?.S !== undefined;
      promise(
        answer !== 'refused' || found === must || !isSure,
        `${id}: ${kind} was refused with ${found}, must be ${must}`,
      );
    }
    this.#made.add(twin);
    if (answer === 'done') this.#expectDone(kind, id);
    // A hold begins another life of the booking. It is made again itself if it comes again and finds the booking free.
    const begins = kind === 'hold' && answer === 'done';
    if (begins) this.#forget(id, false);
    // A hold is known by its deadline and its start. Two that begin at the same millisecond may be the same to what is late.
    for (const late of this.#late) if (late.id === id && late.move.nowMs === nowMs) late.isDone = false;
    const isDone = answer === 'done' && (isBound || !begins);
    if (world.lateRequests > lateBefore) this.#late.push({ id, move, isBound, isDone });
  }

  /** What an application has held or settled itself is as the next one must find it. */
  #expectDone(kind: OwnersMove, id: string): void {
    const { make, items, manners } = this.#world;
    const { attributes } = make.shape;
    const item = items.get(id) ?? {};
    const isIndexed = item[attributes.pendingShard] !== undefined;
    if (kind === 'confirm' || kind === 'cancel' || kind === 'release') {
      promise(!isIndexed, `${id} was settled and is still in the index`);
    } else if (!isOurs(make)) {
      promise(isIndexed || !manners.knowsShards, `${id} was held by an application that knows the shards`);
      promise(item[attributes.expiredAtMs] === undefined || kind !== 'hold', `${id} is held and has expired`);
    }
  }

  /** Somebody is told what the booking is, and from then on it is so. */
  async #read(id: string, circumstances: Circumstances): Promise<void> {
    const nowMs = this.#clockOf(circumstances);
    if (!this.#rules.isOwners) this.#markingMs.push(nowMs);
    const heard = await this.#world.read(id, circumstances);
    if (heard === 'unheard') return;
    const booking = told(this.#bookings.get(id), nowMs, this.#rules);
    const must = effective(booking, nowMs);
    promise(heard === must, `${id} is reported ${heard}, must be ${must}`);
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
          (readBooking(this.#world.make.shape, items.get(id))?.pendingShard ?? Number.POSITIVE_INFINITY) <
          settings.shardCount,
      )
      .map(([id]) => id);
    promise(isDeepStrictEqual(listed.toSorted(), must.toSorted()), `listed are ${listed}, must be ${must}`);
  }

  async #strangerWrites(id: string, item: StrangeItem): Promise<void> {
    const { deadline, status, bytesLeft, kind } = item;
    const world = this.#world;
    const { make } = world;
    const attributes = attributesOf(make, item, world.nowMs);
    const word = attributes[make.shape.status.attribute]?.S;
    let booking: ModelBooking = {
      status: status === 'none' || word === undefined || kind !== undefined ? undefined : modelWord(make, word),
      expiresAtMs: undefined,
    };
    if (deadline !== 'none' && 'unusable' in deadline) {
      // Our own store takes what lies beyond all time for a hold that does not end.
      booking = { ...booking, isEndless: isOurs(make) && Number(deadline.unusable.N) > LATEST_DEADLINE_MS };
    } else if (deadline !== 'none') {
      const wholeMs = world.nowMs + deadline.holdMs;
      booking = { ...booking, expiresAtMs: wholeMs + (deadline.fraction === '' ? 0 : 1) };
    }
    if (bytesLeft !== undefined) {
      const left = MAX_ITEM_BYTES - bytesLeft - itemBytes({ ...attributes, ...storedKey(make, id), fill: { S: '' } });
      attributes.fill = { S: 'x'.repeat(Math.max(0, left)) };
    }
    if (this.#bookings.has(id)) return;
    if (!(await world.put(id, attributes))) return;
    this.#bookings.set(id, booking);
    this.#marks.strange.add(id);
    if (kind !== undefined) this.#marks.ofAnotherKind.add(id);
    if (bytesLeft !== undefined) {
      this.#marks.nearlyFull.add(id);
      this.#onceNearlyFull.add(id);
    }
  }

  /** Against every rule: no condition, and whatever it was before. The truth is what the stranger wrote. */
  async #strangerChanges(id: string, status: string | undefined, holdMs: number): Promise<void> {
    const world = this.#world;
    const booking = this.#bookings.get(id);
    const expiresAtMs = world.nowMs + holdMs;
    const { make } = world;
    const { shape } = make;
    const isDone =
      status === undefined
        ? await world.changeAgainstTheRules(id, shape.deadline.attribute, deadlineAttribute(make, expiresAtMs))
        : await world.changeAgainstTheRules(id, shape.status.attribute, { S: wordOf(make, status, holdMs) });
    if (!isDone || booking === undefined) return;
    const word = status === undefined || this.#marks.ofAnotherKind.has(id) ? booking.status : statusBy(make, status);
    this.#bookings.set(id, status === undefined ? { status: word, expiresAtMs } : { ...booking, status: word });
    this.#marks.strange.add(id);
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
        if (!isDone) mayBe = [...mayBe, ...mayBe.map((each) => moved(each, move, this.#rules)[1])];
      }
      const stored = world.stored(id);
      // To be given back looks like an expiry: what is so by a move comes first.
      const is = mayBe.find((each) => isExactly(stored, each)) ?? mayBe.find((each) => same(stored, each));
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
      if (world.stored(id)?.status !== 'PENDING' || this.#marks.nearlyFull.has(id)) continue;
      if (!this.#punctuality.hasRight(id, expiresAtMs) || (await world.undelivered('timers', id)) > 0) continue;
      promise(world.hasTimer(id, expiresAtMs), `${id} is late: its deadline came, and no timer`);
    }
  }

  async #stream(to: 'timers' | 'events', count: number, again: number, circumstances: Circumstances): Promise<void> {
    const world = this.#world;
    const handled = await world.stream(to, count, again, circumstances);
    if (to === 'events') return;
    const { fault, offMs = 0, settings } = circumstances;
    for (const { bookingId, expiresAtMs, isAdoption } of handled) {
      // It changes nothing of what is on its way.
      if (isAdoption) continue;
      if (fault === undefined) await this.#expectIndexed(bookingId);
      if (fault === undefined && offMs === 0) this.#punctuality.handled(bookingId, expiresAtMs, world.nowMs, settings);
      else this.#punctuality.spoil(bookingId);
    }
  }

  /** What schedule-expiry has handled is where sweeps look, under its own deadline. */
  async #expectIndexed(id: string): Promise<void> {
    const { make, items } = this.#world;
    const { status, expiresAtMs } = this.#world.stored(id) ?? {};
    if (status !== 'PENDING' || expiresAtMs === undefined || this.#marks.nearlyFull.has(id)) return;
    if (await this.#world.isUpToDate(id)) promise(isInIndex(make, items.get(id)), `${id} is not in the index`);
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
      if (status !== 'PENDING' || deadlineMs > expiresAtMs || this.#marks.nearlyFull.has(bookingId)) continue;
      promise(world.awaits(bookingId), `${bookingId} did not expire by its timer, which does not come again`);
    }
    await this.#judgePunctuality(fromMs);
  }

  async #sweep(by: SweptBy, atOnce: number, circumstances: Circumstances): Promise<void> {
    const world = this.#world;
    const nowMs = this.#clockOf(circumstances);
    const { fault, offMs = 0, lagMs = 0, settings } = circumstances;
    const before = new Map(IDS.map((id) => [id, world.stored(id)]));
    // In an older index, or where the index has a copy, it may find a deadline that has moved on: then its write decides alone.
    const isExact = lagMs === 0 && !hasOwnIndexKey(world.make.shape);
    const isPatient = (by === 'schedule' || by === 'deployment') && isExact;
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
      // A nearly full item does not say by whom, and keeps what an earlier expiry said.
      return expiredBy === 'sweep' || expiredAtMs === undefined || this.#marks.nearlyFull.has(id);
    });
    promise(expired === swept.length, `the sweep said that it expired ${expired}, it expired ${swept.length}`);
  }

  /** By the runbook: nothing of the service runs, and what was settled since is brought to what is true. */
  async #restore(back: number, state: 'kept' | 'lost' | 'old'): Promise<void> {
    const world = this.#world;
    const { bookings, marks, moment } = this.#past.at(-1 - back) ?? {};
    if (bookings === undefined || marks === undefined || moment === undefined) return;
    const settled = [...this.#bookings].filter(
      ([, { status }]) => status === this.#rules.paid || status === this.#rules.cancelled,
    );
    const reconciled = settled.flatMap(([id]) => found(world.items, id));
    await world.restore(moment, state, reconciled);
    this.#bookings = new Map([...bookings, ...settled]);
    const isSettled = new Set(settled.map(([id]) => id));
    this.#marks = restoredMarks(marks, this.#marks, isSettled);
    this.#punctuality.spoilAll();
    // The old table's stream is read no more, and its late requests find no table.
    this.#committed.clear();
    this.#lookedThrough = world.moments.length;
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
        promise(
          stored.expiredAtMs !== undefined || this.#marks.nearlyFull.has(id),
          `${id} expired, and it is not said when`,
        );
      }
      promise(stored.status === wanted.status, `${id} is ${stored.status}, must be ${wanted.status}`);
      promise(stored.expiresAtMs === wanted.expiresAtMs, `${id} has another deadline than it was given`);
      // Strangers write none, or others.
      if (this.#marks.strange.has(id)) continue;
      this.#compareContent(id, stored);
      if (stored.status === 'EXPIRED' && (stored.expiredAtMs !== undefined || !this.#rules.isOwners)) {
        const { expiredAtMs = 0, expiresAtMs } = stored;
        promise(expiresAtMs !== undefined, `${id} expired although it has no usable deadline`);
        promise(expiredAtMs >= (expiresAtMs ?? 0), `${id} expired ${(expiresAtMs ?? 0) - expiredAtMs} ms early`);
        promise(stored.pendingShard === undefined, `${id} expired and is still in the index`);
      }
    }
    this.#noteExpiries();
    const moment = world.moments.at(-1);
    const marks = restoredMarks(this.#marks, noMarks(), new Set());
    if (moment) this.#past.push({ bookings: new Map(this.#bookings), marks, moment });
  }

  /** What an item holds beside what it is: nothing of it was touched but what an expiry changes. */
  #compareContent(id: string, { status, createdAtMs, details, expiredAtMs }: Booking): void {
    const { make, items } = this.#world;
    if (isOurs(make)) {
      // Only the store's own creation says when it was.
      const must = createdAtMs === undefined ? undefined : DETAILS;
      promise(isDeepStrictEqual(details, must), `${id} has other details than it was given`);
      return;
    }
    const item = items.get(id) ?? {};
    const { set, remove } = make.shape.onExpire;
    const isExpired = status === 'EXPIRED' && expiredAtMs !== undefined;
    const given = { ...make.others };
    if (status === 'EXPIRED') for (const name of remove) delete (given as Record<string, unknown>)[name];
    const must = keptItem({
      ...given,
      ...(isExpired && Object.fromEntries(Object.entries(set).map(([name, value]) => [name, attributeOf(value)]))),
    });
    const names = [...Object.keys(make.others), ...remove, ...(isExpired ? Object.keys(set) : [])];
    promise(isDeepStrictEqual(plainCopy(only(item, names)), plainCopy(must)), `${id} is not as its owner has it`);
  }

  /** Expiries since the last look: they are told, and nothing else is told as one. */
  #noteExpiries(): void {
    const { moments, make } = this.#world;
    for (; this.#lookedThrough < moments.length; this.#lookedThrough += 1) {
      const [before, after] = [moments[this.#lookedThrough - 1], moments[this.#lookedThrough]];
      for (const id of IDS) {
        const [was, is] = [before, after].map((moment) => readBooking(make.shape, moment?.items.get(id)));
        if (was?.status !== 'PENDING' || is?.status !== 'EXPIRED' || is.expiredAtMs === undefined) continue;
        // What had the word of an expired item, or the time of an expiry, by somebody else's doing.
        if (is.expiredAtMs === was.expiredAtMs) continue;
        const eventId = `${is.bookingId}:EXPIRED:${is.expiredAtMs}`;
        this.#expiries.add(eventId);
        this.#committed.add(eventId);
      }
    }
  }

  /** What the service does changes nothing that is its owner's, and nothing of an item that is none of its own. */
  #expectOwnersPartsKept(before: ReadonlyMap<string, Item>): void {
    const { make, items } = this.#world;
    const { status, onExpire } = make.shape;
    for (const [id, was] of before) {
      const is = items.get(id) ?? {};
      const hasExpired = !isDeepStrictEqual(
        plainCopy(only(was, [status.attribute])),
        plainCopy(only(is, [status.attribute])),
      );
      const mayChange = this.#marks.ofAnotherKind.has(id)
        ? []
        : [
            ...serviceNames(make),
            ...(hasExpired ? [status.attribute, ...onExpire.remove, ...Object.keys(onExpire.set)] : []),
          ];
      const kept = (item: Item) =>
        plainCopy(Object.fromEntries(Object.entries(item).filter(([name]) => !mayChange.includes(name))));
      promise(isDeepStrictEqual(kept(is), kept(was)), `${id} was changed where nothing is the service’s own`);
    }
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
    const indexed = new Set(IDS.filter((id) => isInIndex(world.make, world.items.get(id))));
    // An item is a page, and the last one is empty.
    for (let sweeps = 0; sweeps <= world.items.size; sweeps += 1) {
      this.#markingMs = [];
      await this.#sweep('schedule', 1, { settings: this.#settings, lagMs: MAX_LAG_MS });
      this.#compare();
      for (const id of sweeps === 0 ? indexed : []) this.#promiseRest(id, 'the first sweep after it lapsed');
    }
    for (const id of IDS) {
      this.#promiseRest(id, 'all that sweeps can do');
      const isLeft =
        !this.#marks.ofAnotherKind.has(id) && isFoundBySweeps(world.make, world.items.get(id), world.nowMs);
      const isHeld = effective(this.#bookings.get(id), world.nowMs) === 'PENDING';
      promise(isHeld || !isLeft || this.#isFull(id), `${id} is not held, and still in the index`);
    }
    await this.#drainEvents();
    for (const eventId of this.#committed) promise(world.published.has(eventId), `nobody was told of ${eventId}`);
    for (const eventId of world.published.keys()) {
      const isRight = !eventId.includes(':EXPIRED:') || this.#expiries.has(eventId) || isOurs(world.make);
      promise(isRight, `${eventId} was told, and it is no expiry`);
    }
    for (const { eventId, details = {} } of world.published.values()) {
      const isObject = typeof details === 'object' && details !== null && !Array.isArray(details);
      promise(isObject, `the event ${eventId} has details that are no object`);
    }
    for (const { body } of world.letters) {
      const { bookingId, DDBStreamBatchInfo } = JSON.parse(body);
      const isRight = DDBStreamBatchInfo !== undefined || this.#onceNearlyFull.has(world.nameOf(bookingId));
      promise(isRight, `${bookingId} is a dead letter, but nothing of it is beyond what AWS takes`);
    }
  }

  /** Whether an item was filled up so far that it has no room for its expiry. */
  #isFull(id: string): boolean {
    const item = this.#world.items.get(id);
    return this.#marks.nearlyFull.has(id) && item !== undefined && !hasRoomToExpire(this.#world.make, item);
  }

  #promiseRest(id: string, after: string): void {
    const stored = this.#world.stored(id);
    const must = effective(this.#bookings.get(id), this.#world.nowMs);
    if (this.#isFull(id)) return;
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

/** What the model calls a status that a stranger has set. */
const statusBy = (make: TableOfAMake, status: string): string => modelWord(make, wordOf(make, status));

/** As plain values, whatever prototypes they had and whatever members are undefined. */
const plainCopy = (item: Item): unknown => structuredClone(item);

/** Whether a sweep finds an item in the index when its deadline has come. */
const isInIndex = ({ shape }: TableOfAMake, item: Item | undefined): boolean => {
  const seen = seenBooking(shape, item);
  return seen?.booking.pendingShard !== undefined && seen.indexedAtMs === seen.booking.expiresAtMs;
};

/** Whether a sweep finds an item in the index now, whatever it is. */
const isFoundBySweeps = ({ shape: { attributes } }: TableOfAMake, item: Item | undefined, nowMs: number): boolean => {
  const deadlineMs = Number(item?.[attributes.expiresAtMs]?.N);
  const isLegal = readShard(item?.[attributes.pendingShard]?.N) !== undefined;
  return isLegal && deadlineMs >= EARLIEST_DEADLINE_MS && deadlineMs <= nowMs;
};

const isExactly = (stored: Booking | undefined, wanted: ModelBooking | undefined): boolean =>
  stored?.status === wanted?.status && stored?.expiresAtMs === wanted?.expiresAtMs;
