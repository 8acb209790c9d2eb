/**
 * How a process reacts to answers. Running code cannot be copied, but it does the same whenever it gets the same answers: so
 * it is run anew with the answers that it got, and its reaction is remembered for every schedule that leads to them.
 */
import { hashOf } from './hash.ts';
import { type Outcome, runProcess, type Spec } from './processes.ts';
import type { Answer, Request } from './requests.ts';

/** One answer that a process heard. */
export interface Heard {
  /** Which of its requests was answered, counted from 0. */
  readonly request: number;
  readonly answer: Answer;
  readonly nowMs: number;
}

/** Everything that a process has heard, last first. */
export interface Log {
  readonly heard: Heard;
  readonly before: Log | undefined;
}

/** A process at some point of its life: the same for everyone who started it alike and heard the same. */
export interface Life {
  readonly spec: Spec;
  readonly startedAtMs: number;
  readonly log: Log | undefined;
  /** Tells lives apart. */
  readonly key: string;
  /** The key that it had one answer earlier. */
  readonly keyBefore: string | undefined;
}

/** What it waits for, or its outcome. */
export interface Reaction {
  readonly unanswered: readonly { readonly number: number; readonly request: Request }[];
  readonly outcome: Outcome | undefined;
}

/** A running instance of the code of one life. */
class Instance {
  readonly #asked: { request: Request; resolve(value: unknown): void; reject(error: Error): void; isOpen: boolean }[] =
    [];
  #outcome: Outcome | undefined;
  #nowMs: number;

  constructor({ spec, startedAtMs }: Life, isEmptyShard: (shard: number) => boolean) {
    this.#nowMs = startedAtMs;
    const ask = (request: Request): Promise<unknown> =>
      new Promise((resolve, reject) => this.#asked.push({ request, resolve, reject, isOpen: true }));
    runProcess(spec, () => this.#nowMs + spec.clockAheadMs, ask, isEmptyShard).then((outcome) => {
      this.#outcome = outcome;
    });
  }

  hear({ request, answer, nowMs }: Heard): void {
    const asked = this.#asked[request];
    if (!asked?.isOpen) throw new Error('a process was answered what it had not asked');
    asked.isOpen = false;
    this.#nowMs = nowMs;
    if ('error' in answer) asked.reject(answer.error);
    else asked.resolve(answer.value);
  }

  /** Lets it run until it waits for an answer, or has ended. */
  async reaction(): Promise<Reaction> {
    for (let turns = 0; turns < MOST_TURNS; turns += 1) {
      await new Promise(setImmediate);
      const unanswered = this.#asked.flatMap(({ request, isOpen }, number) => (isOpen ? [{ number, request }] : []));
      if (this.#outcome) return { unanswered: [], outcome: this.#outcome };
      if (unanswered.length > 0) return { unanswered, outcome: undefined };
    }
    throw new Error('a process neither asks for anything nor ends');
  }
}

const MOST_TURNS = 1_000;
/** Instances that are kept, in case the next answer goes to one of them. */
const MOST_INSTANCES = 500;

export class Reactions {
  readonly #isEmptyShard: (shard: number) => boolean;
  readonly #known = new Map<string, Reaction>();
  readonly #instances = new Map<string, Instance>();

  /** @param isEmptyShard whether nobody ever writes into a shard of this world */
  constructor(isEmptyShard: (shard: number) => boolean) {
    this.#isEmptyShard = isEmptyShard;
  }

  /** A process that begins now. */
  begin(spec: Spec, startedAtMs: number): Life {
    const key = hashOf(`${JSON.stringify(spec)}@${startedAtMs}`);
    return { spec, startedAtMs, log: undefined, key, keyBefore: undefined };
  }

  /** The same process after one more answer. */
  after(life: Life, heard: Heard): Life {
    const { request, answer, nowMs } = heard;
    const key = hashOf(`${life.key}|${request}|${nowMs}|${JSON.stringify(answer, withErrors)}`);
    return { ...life, log: { heard, before: life.log }, key, keyBefore: life.key };
  }

  async of(life: Life): Promise<Reaction> {
    const known = this.#known.get(life.key);
    if (known) return known;
    const instance = await this.#instanceOf(life);
    const reaction = await instance.reaction();
    this.#known.set(life.key, reaction);
    if (reaction.outcome === undefined) this.#keep(life.key, instance);
    return reaction;
  }

  /** The instance that has heard all but the last answer, or one that hears all of them anew. */
  async #instanceOf(life: Life): Promise<Instance> {
    if (life.log === undefined) return new Instance(life, this.#isEmptyShard);
    const { heard, before } = life.log;
    const kept = this.#instances.get(life.keyBefore ?? '');
    if (kept) {
      this.#instances.delete(life.keyBefore ?? '');
      kept.hear(heard);
      return kept;
    }
    const instance = new Instance(life, this.#isEmptyShard);
    await instance.reaction();
    for (const each of inOrder(before)) {
      instance.hear(each);
      await instance.reaction();
    }
    instance.hear(heard);
    return instance;
  }

  #keep(key: string, instance: Instance): void {
    this.#instances.set(key, instance);
    if (this.#instances.size <= MOST_INSTANCES) return;
    const [oldest] = this.#instances.keys();
    if (oldest !== undefined) this.#instances.delete(oldest);
  }
}

const withErrors = (_: string, value: unknown): unknown => (value instanceof Error ? `!${value.name}` : value);

const inOrder = (log: Log | undefined): Heard[] => {
  const heard: Heard[] = [];
  for (let each = log; each; each = each.before) heard.push(each.heard);
  return heard.reverse();
};
