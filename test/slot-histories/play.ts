/** Plays one history of slots, and checks after every request what is promised and after every step that all is explained. */
import { readTimeMs } from '../../functions/core/hold-time.ts';
import { type Backend, stateOf } from './backend.ts';
import { type Call, isExplained, lookedAt, stateText } from './explain.ts';
import { startProcess } from './process.ts';
import { BrokenPromise, Promises } from './promises.ts';
import { type Doing, SLOTS, type Step } from './steps.ts';
import { type Act, NOTHING, type State } from './truth.ts';
import { Turns } from './turns.ts';

const START_MS = 1_800_000_000_000;

export class Play {
  readonly #backend: Backend;
  readonly #promises = new Promises();
  readonly #turns = new Turns();
  #nowMs = START_MS;
  #state: State = NOTHING;
  /** What may still be carried out although its caller was told otherwise, or nothing. */
  #open: Call[] = [];

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** @throws BrokenPromise if a promise does not hold */
  async step(step: Step): Promise<void> {
    switch (step.is) {
      case 'time-passes':
        this.#nowMs += step.ms;
        break;
      case 'time-goes-to-deadline': {
        const deadlineMs = this.#state.bookings[step.id]?.expiresAtMs;
        if (deadlineMs !== undefined) this.#nowMs = Math.max(this.#nowMs, deadlineMs + step.offsetMs);
        break;
      }
      case 'late-requests-land':
        return this.#landLate();
      case 'slots-are-purged':
        return this.#purge();
      case 'done':
        if (step.doings.some(({ deed }) => deed.do === 'delete')) return this.#deleteAmong(step.doings, step.turns);
        return this.#do(step.doings, step.turns);
    }
    await this.#check();
  }

  /** In the end all that is not sold is free, by a right clock and when every hold has lapsed. */
  async end(): Promise<void> {
    await this.#landLate();
    const untilMs = Object.values(this.#state.slots).map(({ untilMs: ms = 0 }) => ms);
    this.#nowMs = Math.max(this.#nowMs, ...untilMs);
    const slotIds = SLOTS.filter((slotId) => !this.#promises.sold.has(slotId));
    if (slotIds.length === 0) return;
    const deed = { do: 'create', id: 'the next', holdMs: 1_000, slotIds } as const;
    await this.#do([{ deed, fault: undefined, offMs: 0 }], [0]);
    if (this.#state.bookings['the next'] === undefined)
      throw new BrokenPromise(`${slotIds.join()} are lost to everybody`);
  }

  /** What arrives late is of the booking that is deleted. That it spares another one with its id is not promised. */
  async #deleteAmong(doings: readonly Doing[], turns: readonly number[]): Promise<void> {
    await this.#landLate();
    await this.#do(doings, turns);
    await this.#landLate();
  }

  async #do(doings: readonly Doing[], turns: readonly number[]): Promise<void> {
    const before = this.#state;
    const calls: Promise<Call>[] = doings.map((doing) => this.#call(doing));
    await this.#turns.run(turns, () => (this.#backend.isInstant ? this.#check() : Promise.resolve()));
    // Alone, it sees all slots as they are at one moment.
    const isAlone = doings.every(({ fault }) => fault?.kind !== 'busy') && doings.length === 1;
    const made = (await Promise.all(calls)).flatMap((call) => (isAlone ? [call] : lookedAt(call)));
    await this.#check();
    if (!isExplained(before, made, { after: this.#state })) throw unexplained(before, made, this.#state);
  }

  async #call({ deed, fault, offMs }: Doing): Promise<Call> {
    const clock = { nowMs: () => this.#nowMs + offMs, pass: (ms: number) => (this.#nowMs += ms) };
    const fromMs = clock.nowMs();
    const act: Act = 'holdMs' in deed ? { ...deed, expiresAtMs: fromMs + deed.holdMs } : deed;
    this.#promises.asks(act, offMs);
    const isPaid = () => act.do === 'cancel' && this.#state.bookings[act.id]?.status === 'CONFIRMED';
    const wasPaid = isPaid();
    const calledAt = this.#turns.sent;
    const lateBefore = this.#backend.lateRequests;
    // Whatever keeps it from being answered, nobody knows what became of it.
    const told = await startProcess(this.#backend, this.#turns, clock, fault)(act).catch(() => undefined);
    if (told === undefined && fault === undefined && act.do !== 'expire') {
      throw new BrokenPromise(`${JSON.stringify(act)} was not answered, and nothing stood in its way`);
    }
    this.#promises.hears(act, told);
    const isMadeUnknown = fault?.kind === 'busy' && fault.carriedOut;
    const repeats = isMadeUnknown ? 'unknowing' : fault?.kind === 'network' ? 'knowing' : undefined;
    const times = { fromMs, byMs: clock.nowMs(), calledAt, answeredAt: this.#turns.sent };
    const call: Call = { act, told, repeats, ...times };
    // A refusal is final only where the booking says so.
    const mayStillBe =
      told === undefined || told.kind === 'missing' || (told.kind === 'slots-taken' && act.do !== 'confirm');
    if (this.#backend.lateRequests > lateBefore && mayStillBe) {
      const onlyHeld = act.do === 'cancel' && this.#backend.isInstant && !wasPaid && !isPaid();
      this.#open.push({ ...call, act: onlyHeld ? { ...act, onlyHeld } : act, told: undefined });
    }
    return call;
  }

  async #landLate(): Promise<void> {
    if (this.#backend.lateRequests === 0) return;
    const before = this.#state;
    this.#backend.befallBy(() => undefined);
    await this.#backend.landLate();
    const open = this.#open.map((call) => ({ ...call, calledAt: 0, answeredAt: Number.POSITIVE_INFINITY }));
    this.#open = [];
    await this.#check();
    if (!isExplained(before, open, { after: this.#state })) throw unexplained(before, open, this.#state);
  }

  async #purge(): Promise<void> {
    const { slots } = await this.#backend.items();
    for (const { slotId, purgeAt } of slots) {
      const atMs = readTimeMs(purgeAt?.N === undefined ? undefined : `${purgeAt.N}000`);
      if (atMs !== undefined && atMs < this.#nowMs) await this.#backend.deleteSlot(slotId?.S ?? '');
    }
    await this.#check();
  }

  async #check(): Promise<void> {
    this.#state = stateOf(await this.#backend.items());
    this.#promises.expect(this.#state, this.#nowMs);
  }
}

const unexplained = (before: State, calls: readonly Call[], after: State): BrokenPromise =>
  new BrokenPromise(
    `nothing explains ${JSON.stringify(calls)}\n  before: ${stateText(before)}\n  after: ${stateText(after)}`,
  );
