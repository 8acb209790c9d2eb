/**
 * A small world at one moment of a schedule: what is stored, which processes run, what is under way. Whatever can happen in
 * it is a method; when it happens is decided elsewhere. Every change of a booking and every answer is checked at once.
 */

import type { DynamoDBRecord } from 'aws-lambda';
import type { Booking } from '../../functions/core/booking-status.ts';
import { MINUTE_MS, SECOND_MS } from '../../functions/core/hold-time.ts';
import { shardOf } from '../../functions/core/pending-shard.ts';
import type { ConditionalWrite } from '../../functions/table/conditional-write.ts';
import { readBooking } from '../../functions/table/item.ts';
import { BOOKINGS_SHAPE } from '../../functions/table/shape.ts';
import type { ModelBooking } from '../histories/model.ts';
import type { StreamRecord, TableState } from '../memory/table-state.ts';
import { askedOf, type CustomersAction } from './customers.ts';
import type { Outcome, Spec, Task, Version } from './processes.ts';
import {
  type Call,
  type Changer,
  expectAllowedChange,
  expectFoundBySweep,
  expectNoChangeAfterAnswer,
  expectNothingLost,
  expectOnTime,
  expectTrueAnswer,
  expectTrueCount,
  type Ledger,
  OVERDUE_AFTER_MS,
  type Overdue,
} from './promises.ts';
import type { Life, Reactions } from './reactions.ts';
import { type Answer, bookingsOf, changesSomething, type Request } from './requests.ts';
import { type Action, type SmallWorld, START_MS } from './small-world.ts';
import { type Message, received, Store } from './store.ts';
import { timeText } from './tell.ts';

/** A request that has not been answered yet. */
export interface Pending {
  readonly number: number;
  readonly request: Request;
  /** Whether a try of it may have been carried out. */
  readonly wasTried: boolean;
  /** Whether it takes its time: then time may go on before it is carried out. */
  readonly isSlow: boolean;
}

/** A process that runs. */
export interface Process {
  /** The same in every schedule in which it begins at the same time: "the sweep at +5 min". */
  readonly name: string;
  readonly life: Life;
  readonly pending: readonly Pending[];
  /** Whether a fault has befallen it. */
  readonly isFaulted: boolean;
  readonly call: Call | undefined;
  /** Timers that it was handed, and when those that it reports as failed are to come back. */
  readonly messages: readonly Message[];
  readonly retryInSeconds: Readonly<Record<string, number>>;
  /** Records that it was handed. */
  readonly records: readonly StreamRecord[];
  /** What it must expire if no fault befalls it. */
  readonly overdue: readonly Overdue[];
  /** Bookings that it expired, and those that another process expired at the same moment by the same name. */
  readonly expired: number;
  readonly twins: number;
}

/** A request that seemed lost, and may still arrive. */
export interface LateTry {
  readonly request: Request;
  readonly by: Changer;
  readonly process: string;
}

/** SQS makes a message visible again after so long, if nobody has deleted it. */
const VISIBILITY_TIMEOUT_MS = 120 * SECOND_MS;
/** How far ahead of its next run a sweep schedules, as guarantees.md says: so many runs may fail before anything is late. */
const SCHEDULED_AHEAD_MS = 9 * MINUTE_MS;
/** A hold that is longer than this is scheduled by a sweep. */
const LONGEST_NEAR_HOLD_MS = 15 * MINUTE_MS - SECOND_MS;

export type Rollout = 'not begun' | 'under way' | 'done';

export class World {
  readonly small: SmallWorld;
  readonly reactions: Reactions;
  nowMs = START_MS;
  store: Store;
  processes: readonly Process[] = [];
  late: readonly LateTry[] = [];
  /** Records that schedule-expiry has not been handed, and the last ones that it has done. */
  stream: readonly StreamRecord[] = [];
  lastBatch: readonly StreamRecord[] = [];
  streamStands = false;
  timersStand = false;
  lagsSinceMs: number | undefined;
  /** Places of the actions that nobody has taken yet. */
  actionsLeft: readonly number[];
  /** What runs where: the API and schedule-expiry are deployed together, and so are the sweep and expire-booking. */
  writers: Version;
  sweepers: Version;
  rollout: Rollout = 'not begun';
  mayRollBack: boolean;
  nextSweepMs: number;
  /** Sweeps that are due now beside the schedule's: a deployment sweeps. */
  sweepsDue = 0;
  failedSweeps = 0;
  faults = 0;
  ledgers: ReadonlyMap<string, Ledger> = new Map();
  /** Whether the last step was a request that was carried out. */
  wasRequestLast = false;
  /** What has happened in the last step, as sentences. */
  notes: string[] = [];

  constructor(small: SmallWorld, reactions: Reactions) {
    this.small = small;
    this.reactions = reactions;
    this.store = new Store((bookingId) => small.unsendable?.includes(bookingId) ?? false);
    this.actionsLeft = small.actions.map((_, place) => place);
    this.writers = small.version;
    this.sweepers = small.version;
    this.mayRollBack = small.nextVersion !== undefined;
    this.nextSweepMs = START_MS + (small.firstSweepAfterMs ?? small.version.settings.sweepIntervalMs);
  }

  copy(): World {
    const copy = Object.assign(new World(this.small, this.reactions), this);
    copy.store = this.store.copy();
    copy.notes = [];
    copy.wasRequestLast = false;
    return copy;
  }

  // What programs, customers and operators do.

  async act(place: number): Promise<void> {
    this.actionsLeft = this.actionsLeft.filter((each) => each !== place);
    const action = this.small.actions[place] as Action;
    switch (action.do) {
      case 'put':
        return this.#put(action);
      case 'put again':
        return this.#change(action.id, { holdStartedAtMs: this.nowMs });
      case 'foreign confirm':
        return this.#change(action.id, { status: 'CONFIRMED' });
      case 'command': {
        const task = { kind: 'command' as const, wholeTable: action.wholeTable };
        return this.#start('the command', task, this.sweepers, action.clockAheadMs);
      }
      case 'sweep':
        return this.#startSweep(action.clockAheadMs);
      default:
        return this.#call(action);
    }
  }

  #put({ id, holdMs, isBare }: Extract<Action, { do: 'put' }>): void {
    const number = (value: number) => ({ N: String(value) });
    this.#changeAsProgram((bookings) => {
      if (bookings.get({ bookingId: { S: id } }) !== undefined) return;
      bookings.put({
        bookingId: { S: id },
        status: { S: 'PENDING' },
        expiresAtMs: number(this.nowMs + holdMs),
        ...(!isBare && {
          holdStartedAtMs: number(this.nowMs),
          pendingShard: number(shardOf(id, this.writers.shardCount)),
        }),
      });
    });
  }

  /** By the rules of the README: only while it is PENDING and its hold has not lapsed. */
  #change(id: string, set: ConditionalWrite['set']): void {
    const condition = [
      { attribute: 'status', is: 'equal' as const, value: 'PENDING' },
      { attribute: 'expiresAtMs', is: 'above' as const, value: this.nowMs },
    ];
    this.#changeAsProgram((bookings) => {
      bookings.update({ bookingId: { S: id } }, { set, remove: [], condition }, { mayCreate: false });
    });
  }

  #changeAsProgram(change: (bookings: TableState) => void): void {
    this.#noteChanges(this.store.changeBookings(change), { kind: 'a program', clockAheadMs: 0 }, undefined);
  }

  #call(action: CustomersAction): Promise<void> {
    const { id } = action;
    const clockAheadMs = this.#clockOf({ kind: 'api' });
    const { move, task } = askedOf(action, this.nowMs + clockAheadMs);
    const call: Call = { id, move, states: [this.#stateOf(id)] };
    return this.#start(`${action.do} of ${id}`, task, this.writers, clockAheadMs, { call });
  }

  #stateOf(id: string): ModelBooking | undefined {
    const booking = readBooking(BOOKINGS_SHAPE, this.store.bookings.get({ bookingId: { S: id } }));
    return booking && { status: booking.status, expiresAtMs: booking.expiresAtMs };
  }

  // Deployments.

  /** The next version goes live, on one side or on both; a deployment that is through sweeps once. */
  deploy(side: 'writers' | 'sweepers'): void {
    const { nextVersion } = this.small;
    if (nextVersion === undefined) return;
    this.#putLive(side, nextVersion);
    const isThrough = this.writers === nextVersion && this.sweepers === nextVersion;
    this.rollout = isThrough ? 'done' : 'under way';
    if (isThrough) this.sweepsDue += 1;
  }

  rollBack(): void {
    for (const side of ['writers', 'sweepers'] as const) this.#putLive(side, this.small.version);
    this.rollout = 'done';
    this.mayRollBack = false;
    this.sweepsDue += 1;
  }

  #putLive(side: 'writers' | 'sweepers', version: Version): void {
    if (this[side] === version) return;
    this[side] = version;
    // What the schedule was about to invoke runs as the version that is live by then.
    if (side === 'sweepers')
      this.nextSweepMs = Math.min(this.nextSweepMs, this.nowMs + version.settings.sweepIntervalMs);
  }

  // Processes.

  async #start(
    name: string,
    task: Task,
    version: Version,
    clockAheadMs: number,
    others: Partial<Process> = {},
  ): Promise<void> {
    const spec: Spec = { task, version, clockAheadMs };
    const life = this.reactions.begin(spec, this.nowMs);
    const process: Process = {
      name: this.#nameFor(`${name} at ${timeText(this.nowMs)}`),
      life,
      pending: [],
      isFaulted: false,
      call: undefined,
      messages: [],
      retryInSeconds: {},
      records: [],
      overdue: isSweep(task) ? this.#overdueFor(task, clockAheadMs) : [],
      expired: 0,
      twins: 0,
      ...others,
    };
    this.processes = [...this.processes, process];
    await this.#react(process);
  }

  #nameFor(name: string): string {
    const isTaken = (each: string): boolean => this.processes.some((process) => process.name === each);
    for (let number = 1; ; number += 1) {
      const candidate = number === 1 ? name : `${name} (${number})`;
      if (!isTaken(candidate)) return candidate;
    }
  }

  /** What a process asks for next, or its end. */
  async #react(process: Process): Promise<void> {
    const reaction = await this.reactions.of(process.life);
    if (reaction.outcome) return this.#end(process, reaction.outcome);
    const earlier = new Map(process.pending.map((pending) => [pending.number, pending]));
    const pending = reaction.unanswered.map(
      ({ number, request }) => earlier.get(number) ?? { number, request, wasTried: false, isSlow: false },
    );
    this.#replace(process, { pending });
  }

  #replace(process: Process, changes: Partial<Process>): Process {
    const changed = { ...process, ...changes };
    this.processes = this.processes.map((each) => (each.name === process.name ? changed : each));
    return changed;
  }

  #current(name: string): Process {
    const process = this.processes.find((each) => each.name === name);
    if (process === undefined) throw new Error(`there is no process ${name}`);
    return process;
  }

  /** @param throttled of many writes or messages, the one that is not taken */
  async carryOut(name: string, number: number, throttled?: number): Promise<void> {
    const { request, wasTried } = this.#pendingOf(name, number);
    this.wasRequestLast = true;
    const answer = this.#carryOutFor(name, request, wasTried, throttled);
    await this.#hear(name, number, answer);
  }

  #pendingOf(name: string, number: number): Pending {
    const pending = this.#current(name).pending.find((each) => each.number === number);
    if (pending === undefined) throw new Error(`${name} has no request ${number}`);
    return pending;
  }

  #carryOutFor(name: string, request: Request, wasTried: boolean, throttled?: number): Answer {
    const process = this.#current(name);
    if (request.do === 'retry in') {
      const retries = request.retries.map(({ receipt, seconds }) => [receipt, seconds]);
      this.#replace(process, { retryInSeconds: { ...process.retryInSeconds, ...Object.fromEntries(retries) } });
    }
    const [answer, records] = this.#carriedOut(request, wasTried, throttled);
    this.#noteChanges(records, changerOf(process), name);
    return answer;
  }

  #carriedOut(request: Request, wasTried: boolean, throttled?: number): ReturnType<Store['carryOut']> {
    const before = this.store.messages.length;
    const carriedOut = this.store.carryOut(request, { nowMs: this.nowMs, wasTried, throttled });
    for (const { bookingId, visibleAtMs } of this.store.messages.slice(before)) {
      this.notes.push(`a timer of ${bookingId} is sent, to come at ${timeText(visibleAtMs)}`);
    }
    return carriedOut;
  }

  async #hear(name: string, number: number, answer: Answer): Promise<void> {
    const process = this.#current(name);
    const life = this.reactions.after(process.life, { request: number, answer, nowMs: this.nowMs });
    const pending = process.pending.filter((each) => each.number !== number);
    await this.#react(this.#replace(process, { life, pending }));
  }

  // What goes wrong.

  /** A request is not carried out, or nobody hears that it was; its process hears an error. */
  async failRequest(name: string, number: number, isCarriedOut: boolean, error: Error): Promise<void> {
    this.#fault(name);
    const { request, wasTried } = this.#pendingOf(name, number);
    if (isCarriedOut) this.#carryOutFor(name, request, wasTried);
    const isExpiry = this.#current(name).life.spec.task.kind === 'expire-booking' && request.do === 'write';
    if (isExpiry && !isCarriedOut) this.#excuse(bookingsOf(request), name);
    await this.#hear(name, number, { error });
  }

  /** A request is carried out, nobody hears of it, and it will be made again. */
  repeatRequest(name: string, number: number): void {
    this.#fault(name);
    const { request, wasTried } = this.#pendingOf(name, number);
    this.#carryOutFor(name, request, wasTried);
    this.#markPending(name, number, { wasTried: true });
  }

  /** A request seems lost and will be made again; it arrives later. */
  delayTry(name: string, number: number): void {
    this.#fault(name);
    const { request } = this.#pendingOf(name, number);
    this.late = [...this.late, { request, by: changerOf(this.#current(name)), process: name }];
    this.#markPending(name, number, { wasTried: true });
  }

  /** A request takes its time. */
  slowDown(name: string, number: number): void {
    this.#fault(name);
    this.#markPending(name, number, { isSlow: true });
  }

  async throttle(name: string, number: number, place: number): Promise<void> {
    this.#fault(name);
    await this.carryOut(name, number, place);
  }

  #markPending(name: string, number: number, marks: Partial<Pending>): void {
    const process = this.#current(name);
    const pending = process.pending.map((each) => (each.number === number ? { ...each, ...marks } : each));
    this.#replace(process, { pending });
  }

  /** What arrives late does what it does; nobody hears of it. */
  land(place: number): void {
    const { request, by, process } = this.late[place] as LateTry;
    this.late = this.late.filter((_, index) => index !== place);
    const [, records] = this.#carriedOut(request, true);
    for (const { key } of records) expectNoChangeAfterAnswer(key.bookingId?.S ?? '', by);
    this.#noteChanges(records, by, process);
  }

  /** A process ends without a word. What it had sent may still arrive. */
  crash(name: string): void {
    this.#fault(name);
    const process = this.#current(name);
    const by = changerOf(process);
    const underWay = process.pending.filter(({ isSlow, request }) => isSlow && changesSomething(request));
    this.late = [...this.late, ...underWay.map(({ request }) => ({ request, by, process: name }))];
    this.#remove(name);
    this.stream = [...process.records, ...this.stream];
    this.#putBack(process.messages, VISIBILITY_TIMEOUT_MS);
    this.#excuse(
      process.messages.map(({ bookingId }) => bookingId),
      name,
    );
    this.notes.push(`${name} ends without a word`);
  }

  #fault(name: string): void {
    const process = this.#current(name);
    if (process.life.spec.task.kind === 'sweep' && !process.isFaulted) this.#sweepFails();
    this.#replace(process, { isFaulted: true });
  }

  #sweepFails(): void {
    this.failedSweeps += 1;
    const { small } = this;
    const versions = [small.version, ...(small.nextVersion ? [small.nextVersion] : [])];
    const longest = Math.max(...versions.map(({ settings }) => settings.sweepIntervalMs));
    if (this.failedSweeps * longest <= SCHEDULED_AHEAD_MS) return;
    const far = [...this.ledgers].filter(
      ([, { deadlineMs = 0, sinceMs }]) => deadlineMs - sinceMs > LONGEST_NEAR_HOLD_MS,
    );
    this.#excuseAll(far.map(([id]) => id));
  }

  /** From here on the sweep may be the first to expire these: unless it was only a customer's request that was hit. */
  #excuse(ids: readonly string[], name: string): void {
    const process = this.processes.find((each) => each.name === name);
    if (process?.call === undefined) this.#excuseAll(ids);
  }

  #excuseAll(ids: readonly string[]): void {
    const ledgers = new Map(this.ledgers);
    for (const id of ids) {
      const ledger = ledgers.get(id);
      if (ledger) ledgers.set(id, { ...ledger, isExcused: true });
    }
    this.ledgers = ledgers;
  }

  // The stream, the queue and the schedule.

  /** schedule-expiry is handed records. */
  async readStream(count: number): Promise<void> {
    const records = this.stream.slice(0, count);
    this.stream = this.stream.slice(count);
    const task: Task = { kind: 'schedule-expiry', records: records.map(streamRecord) };
    await this.#start('schedule-expiry', task, this.writers, this.#clockOf(task), { records });
  }

  /** The records that were done last come once more. */
  repeatRecords(): void {
    this.stream = [...this.lastBatch, ...this.stream];
    this.lastBatch = [];
  }

  standStream(): void {
    this.streamStands = true;
  }

  /** @param isGivenUp whether what was not read is too old by now */
  readStreamAgain(isGivenUp: boolean): void {
    this.streamStands = false;
    if (!isGivenUp) return;
    this.#excuseAll(this.stream.flatMap(({ key }) => key.bookingId?.S ?? []));
    this.stream = [];
    this.store.deadLetters += 1;
  }

  /** Expire-booking is handed messages. @param keepsCopy whether SQS delivers them once more */
  async deliver(places: readonly number[], keepsCopy = false): Promise<void> {
    const messages = places.flatMap((place) => this.store.messages[place] ?? []);
    if (!keepsCopy) this.store.messages = this.store.messages.filter((_, place) => !places.includes(place));
    const task: Task = { kind: 'expire-booking', messages: messages.map(received) };
    await this.#start('expire-booking', task, this.sweepers, this.#clockOf(task), { messages });
  }

  lose(place: number): void {
    const message = this.store.messages[place];
    this.store.messages = this.store.messages.filter((_, index) => index !== place);
    if (message) this.#excuseAll([message.bookingId]);
  }

  standTimers(): void {
    this.timersStand = true;
  }

  deliverAgain(): void {
    this.timersStand = false;
  }

  async sweep(): Promise<void> {
    const isDeployment = this.sweepsDue > 0;
    this.#sweepIsDone();
    await this.#startSweep(this.#clockOf({ kind: 'sweep' }), isDeployment);
  }

  #sweepIsDone(): void {
    if (this.sweepsDue > 0) this.sweepsDue -= 1;
    else this.nextSweepMs += this.sweepers.settings.sweepIntervalMs;
  }

  /** One more than the schedule wants. */
  async sweepTwice(): Promise<void> {
    await this.sweep();
    await this.#startSweep(this.#clockOf({ kind: 'sweep' }));
  }

  missSweep(): void {
    this.#sweepIsDone();
    this.#sweepFails();
  }

  #startSweep(clockAheadMs: number, isDeployment = false): Promise<void> {
    const name = isDeployment ? 'the sweep of the deployment' : 'the sweep';
    return this.#start(name, { kind: 'sweep', isDeployment }, this.sweepers, clockAheadMs);
  }

  #clockOf({ kind }: Pick<Task, 'kind'>): number {
    return this.small.clocksAheadMs?.[kind] ?? 0;
  }

  lag(): void {
    this.store.lag(true);
    this.lagsSinceMs = this.nowMs;
  }

  catchUp(): void {
    this.store.lag(false);
    this.lagsSinceMs = undefined;
  }

  /** Whether nothing can happen any more to any booking. */
  nothingIsLeft(): boolean {
    const isQuiet = this.processes.length + this.late.length + this.actionsLeft.length === 0;
    return isQuiet && this.ledgers.size > 0 && !this.hasPendingBookings();
  }

  isReadingStream(): boolean {
    return this.processes.some(({ life }) => life.spec.task.kind === 'schedule-expiry');
  }

  /** Time goes on. What still waits in the stream or in the queue, or for a slow request, has its excuse for being late. */
  goOnTo(timeMs: number): void {
    this.#excuseAll(this.stream.flatMap(({ key }) => key.bookingId?.S ?? []));
    const waiting = this.store.messages.filter(({ visibleAtMs }) => visibleAtMs <= this.nowMs);
    this.#excuseAll(waiting.map(({ bookingId }) => bookingId));
    for (const { name, pending } of this.processes) {
      for (const { isSlow, request } of pending) if (isSlow) this.#excuse(bookingsOf(request), name);
    }
    for (const [id, ledger] of this.ledgers) expectOnTime(id, ledger, timeMs);
    this.nowMs = timeMs;
  }

  // The end of a process, and what follows from it.

  #remove(name: string): void {
    this.processes = this.processes.filter((each) => each.name !== name);
  }

  #putBack(messages: readonly Message[], afterMs: number): void {
    const visibleAtMs = this.nowMs + afterMs;
    const back = messages.map((message) => ({ ...message, receives: message.receives + 1, visibleAtMs }));
    this.store.messages = [...this.store.messages, ...back];
  }

  #end(process: Process, outcome: Outcome): void {
    const { name, call, messages, records, life } = process;
    this.#remove(name);
    switch (outcome.kind) {
      case 'answered':
        if (call) this.#endCall(name, call, outcome, this.nowMs + life.spec.clockAheadMs);
        return;
      case 'batch done': {
        const failed = new Set(outcome.failed);
        for (const [index, message] of messages.entries()) {
          const { messageId, receiptHandle } = received(message, index);
          const retrySeconds = process.retryInSeconds[receiptHandle];
          const afterMs = retrySeconds === undefined ? VISIBILITY_TIMEOUT_MS : retrySeconds * SECOND_MS;
          if (failed.has(messageId)) this.#putBack([message], afterMs);
        }
        const firstFailed = records.findIndex((_, index) => failed.has(String(index)));
        if (firstFailed >= 0) this.stream = [...records.slice(firstFailed), ...this.stream];
        if (records.length > 0 && this.small.faults.includes('records again'))
          this.lastBatch = firstFailed < 0 ? records : records.slice(0, firstFailed);
        return;
      }
      case 'swept':
        this.notes.push(`${name} says that it expired ${outcome.expired} booking(s)`);
        expectTrueCount(outcome.expired, {
          least: process.isFaulted ? 0 : process.expired,
          most: process.expired + process.twins,
        });
        if (!process.isFaulted && outcome.failures.length === 0) this.#expectSwept(process);
        return;
      case 'threw':
        this.notes.push(`${name} fails: ${outcome.reason}`);
        this.stream = [...records, ...this.stream];
        this.#putBack(messages, VISIBILITY_TIMEOUT_MS);
        if (!process.isFaulted) this.#expectSwept(process);
        return;
    }
  }

  #endCall(name: string, call: Call, outcome: Extract<Outcome, { kind: 'answered' }>, answeredAtMs: number): void {
    const told = expectTrueAnswer(call, outcome, answeredAtMs);
    this.notes.push(`${name.replace(/ at .*/, '')} is answered with ${outcome.status}${told ? ` ${told}` : ''}`);
    if (outcome.status < 500) {
      this.late = this.late.map((each) =>
        each.process === name ? { ...each, by: { ...each.by, wasAnswered: true } } : each,
      );
    }
    const ledger = this.ledgers.get(call.id);
    if (told === 'EXPIRED' && ledger) this.#setLedger(call.id, { ...ledger, wasToldExpired: true });
  }

  #overdueFor({ kind }: Task, clockAheadMs: number): Overdue[] {
    if (clockAheadMs !== 0) return [];
    const overdueAfterMs = kind === 'sweep' ? OVERDUE_AFTER_MS : 0;
    return [...this.ledgers].flatMap(([id, { deadlineMs }]) => {
      if (deadlineMs === undefined || deadlineMs + overdueAfterMs > this.nowMs) return [];
      const booking = readBooking(BOOKINGS_SHAPE, this.store.bookings.get({ bookingId: { S: id } }));
      return [{ id, deadlineMs, isIndexed: booking?.pendingShard !== undefined && !this.store.lags }];
    });
  }

  #expectSwept({ overdue, life }: Process): void {
    for (const each of overdue) {
      const ledger = this.ledgers.get(each.id);
      if (ledger?.deadlineMs !== each.deadlineMs) continue;
      if (life.spec.task.kind === 'command' && !each.isIndexed) continue;
      this.#setLedger(each.id, { ...ledger, missedBySweeps: expectFoundBySweep(each, ledger) });
    }
  }

  #setLedger(id: string, ledger: Ledger): void {
    this.ledgers = new Map([...this.ledgers, [id, ledger]]);
  }

  #noteChanges(records: readonly StreamRecord[], by: Changer, process: string | undefined): void {
    for (const record of records) {
      const [before, after] = [
        readBooking(BOOKINGS_SHAPE, record.oldImage),
        readBooking(BOOKINGS_SHAPE, record.newImage),
      ];
      if (after === undefined) throw new Error('nobody deletes bookings in a small world');
      const { bookingId: id, status, expiresAtMs } = after;
      const ledger = this.ledgers.get(id);
      if (before) expectAllowedChange(before, after, ledger, by, this.nowMs);
      this.#noteChange(before, after, by);
      const deadlineMs = status === 'PENDING' ? expiresAtMs : undefined;
      if (ledger === undefined || ledger.deadlineMs !== deadlineMs) {
        const isExcused = this.small.unsendable?.includes(id) ?? false;
        this.#setLedger(id, {
          deadlineMs,
          sinceMs: deadlineMs === undefined ? 0 : this.nowMs,
          isExcused,
          missedBySweeps: 0,
          wasToldExpired: ledger?.wasToldExpired ?? false,
        });
      }
      this.#tellProcesses(id, { status, expiresAtMs }, status === 'EXPIRED' && before?.status === 'PENDING', process);
      if (status === 'PENDING') this.stream = [...this.stream, record];
    }
  }

  #noteChange(before: Booking | undefined, { bookingId: id, status, expiresAtMs }: Booking, { kind }: Changer): void {
    const due = expiresAtMs === undefined ? '' : `, due at ${timeText(expiresAtMs)}`;
    if (before === undefined) this.notes.push(`${id} is in the table${due}`);
    else if (before.status !== status) this.notes.push(`${id} becomes ${status} by ${kind}`);
    else if (before.expiresAtMs !== expiresAtMs) this.notes.push(`${id} has another deadline${due}`);
    else this.notes.push(`${id} is put into the index, or gets another start, by ${kind}`);
  }

  #tellProcesses(id: string, state: ModelBooking, isExpiry: boolean, process: string | undefined): void {
    this.processes = this.processes.map((each) => {
      const call = each.call?.id === id ? { ...each.call, states: [...each.call.states, state] } : each.call;
      if (!isExpiry || !isSweep(each.life.spec.task)) return call === each.call ? each : { ...each, call };
      return each.name === process
        ? { ...each, call, expired: each.expired + 1 }
        : { ...each, call, twins: each.twins + 1 };
    });
  }

  // The end.

  /** Whether anything is left that a sweep must expire some day. */
  hasPendingBookings(): boolean {
    return this.#pendingDeadlines().length > 0;
  }

  #pendingDeadlines(): number[] {
    return [...this.store.bookings.items].flatMap((item) => {
      const booking = readBooking(BOOKINGS_SHAPE, item);
      return booking?.status === 'PENDING' && booking.expiresAtMs !== undefined ? [booking.expiresAtMs] : [];
    });
  }

  /** Whatever runs or is under way is gone for good, the index is up to date, and nothing is left but sweeps. */
  onlySweepsAreLeft(): void {
    this.processes = [];
    this.late = [];
    this.stream = [];
    this.store.messages = [];
    if (this.store.lags) this.catchUp();
  }

  /** A sweep of whatever is deployed, by a right clock, when everything that it must expire is overdue. */
  async lastSweep(): Promise<void> {
    const latestMs = Math.max(...this.#pendingDeadlines());
    this.nowMs = Math.max(this.nowMs, latestMs) + this.sweepers.settings.sweepIntervalMs;
    await this.#startSweep(0);
  }

  /** The faults have stopped and the sweeps have run: nothing may be left. */
  expectNothingLost(): void {
    for (const item of this.store.bookings.items) {
      const booking = readBooking(BOOKINGS_SHAPE, item);
      if (booking) expectNothingLost(booking.bookingId, booking);
    }
  }
}

const isSweep = ({ kind }: Task): boolean => kind === 'sweep' || kind === 'command';

const changerOf = ({ life }: Process): Changer => ({
  kind: life.spec.task.kind,
  clockAheadMs: life.spec.clockAheadMs,
});

/** A record as schedule-expiry is handed it: numbered within its batch, so that the same batch is the same everywhere. */
const streamRecord = ({ eventName, oldImage, newImage }: StreamRecord, index: number): DynamoDBRecord =>
  ({
    eventID: String(index),
    eventName,
    dynamodb: { SequenceNumber: String(index), NewImage: newImage, ...(oldImage && { OldImage: oldImage }) },
  }) as DynamoDBRecord;
