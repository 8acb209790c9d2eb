/** An application that writes its own table, with the moves of `booking-expiry/client` through a DocumentClient. */
import { GetCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { type Attributes, type TableClient, tableClient, type UpdateInput } from '../../client/index.ts';
import type { TableOfAMake } from '../support/five-tables.ts';
import type { Answer } from './model.ts';
import { modelWord, wordOf } from './owner.ts';

/** How an application goes about its moves. */
export interface Manners {
  /** Whether it puts its holds into the index itself. */
  readonly knowsShards: boolean;
  /** Whether it reads before each move, and moves only what is still just as it was read; else only where it must. */
  readonly isCareful: boolean;
}

export type OwnersMove = 'create' | 'hold' | 'extend' | 'confirm' | 'cancel' | 'release';

/** What a DocumentClient is to it. */
export interface Documents {
  send(command: GetCommand | PutCommand | UpdateCommand): Promise<unknown>;
}

/** Attribute in which it notes which of its moves was the last. */
export const LAST_MOVE = 'last move';

let moves = 0;

export class Application {
  readonly #make: TableOfAMake;
  readonly #documents: Documents;
  readonly #table: string;
  readonly #client: TableClient;
  readonly #manners: Manners;

  constructor(make: TableOfAMake, documents: Documents, table: string, shardCount: number, manners: Manners) {
    this.#make = make;
    this.#documents = documents;
    this.#table = table;
    this.#client = tableClient(make.description, manners.knowsShards ? { shardCount } : {});
    this.#manners = manners;
  }

  /**
   * @param isCancelledFree whether a hold takes an item too that was given back
   * @throws Error if nobody knows whether the move was made
   */
  async move(
    kind: OwnersMove,
    name: string,
    holdMs: number,
    nowMs: number,
    isCancelledFree: boolean,
  ): Promise<{ readonly answer: Answer; readonly told?: string }> {
    const { shape } = this.#make;
    const mustSee = kind === 'extend' || (kind !== 'create' && shape.deadline.unit === 'iso8601');
    const looks = mustSee || (kind !== 'create' && this.#manners.isCareful);
    const seen = looks ? await this.#get(name) : undefined;
    if (looks && seen === undefined) return { answer: 'missing' };
    moves += 1;
    const token = `${kind} ${moves}`;
    const status = this.#wordAfter(kind, holdMs);
    try {
      if (kind === 'create') await this.#create(name, holdMs, nowMs, status, token);
      else await this.#update(this.#inputOf(kind, name, { holdMs, nowMs, seen, isCancelledFree, token, status }));
      return { answer: 'done' };
    } catch (error) {
      const done = { status: kind === 'extend' ? this.#wordOf(seen) : status, where: { [LAST_MOVE]: token } };
      const refusal = this.#client.refusalOf(error, { done }, nowMs);
      switch (refusal?.kind) {
        case undefined:
          throw error;
        case 'done':
          return { answer: 'done' };
        case 'missing':
          return { answer: 'missing' };
        case 'other-kind':
          return { answer: 'refused' };
        case 'settled':
          return { answer: 'refused', told: modelWord(this.#make, refusal.status) };
        case 'lapsed':
          return { answer: 'refused', told: 'EXPIRED' };
        default:
          return { answer: 'refused', told: 'PENDING' };
      }
    }
  }

  /** What it reports to whoever asks. */
  async read(name: string, nowMs: number): Promise<string | undefined> {
    const item = await this.#get(name);
    if (item === undefined || this.#client.holdState(item, nowMs).kind === 'other-kind') return undefined;
    const word = this.#client.effectiveStatus(item, nowMs);
    return word === undefined ? undefined : modelWord(this.#make, word);
  }

  #wordAfter(kind: OwnersMove, holdMs: number): string {
    if (kind === 'confirm') return this.#make.paid;
    if (kind === 'cancel') return this.#make.cancelled;
    return wordOf(this.#make, kind === 'release' ? 'EXPIRED' : 'PENDING', holdMs);
  }

  #wordOf(seen: Attributes | undefined): string {
    return String(seen?.[this.#make.shape.status.attribute]);
  }

  /** What it writes into every held item, beside what makes it one. */
  get #others(): Record<string, unknown> {
    const { others, shape } = this.#make;
    const plain = Object.entries(unmarshall({ ...others }));
    return Object.fromEntries(plain.filter(([attribute]) => !Object.hasOwn(shape.only, attribute)));
  }

  async #create(name: string, holdMs: number, nowMs: number, status: string, token: string): Promise<void> {
    const attributes = { ...this.#others, [LAST_MOVE]: token };
    const key = this.#make.keyOf(name);
    const input = this.#client.newItem({ key, holdMs, status, attributes }, nowMs);
    await this.#documents.send(new PutCommand({ TableName: this.#table, ...input }));
  }

  #inputOf(
    kind: Exclude<OwnersMove, 'create'>,
    name: string,
    move: {
      readonly holdMs: number;
      readonly nowMs: number;
      readonly seen: Attributes | undefined;
      readonly isCancelledFree: boolean;
      readonly token: string;
      readonly status: string;
    },
  ): UpdateInput {
    const { holdMs, nowMs, seen, isCancelledFree, token, status } = move;
    const { keyOf, shape, cancelled } = this.#make;
    const last = this.#manners.isCareful ? seen?.[LAST_MOVE] : undefined;
    const given = {
      key: keyOf(name),
      set: { [LAST_MOVE]: token },
      ...(typeof last === 'string' && { where: { [LAST_MOVE]: last } }),
      ...(seen && { seen }),
    };
    switch (kind) {
      case 'hold': {
        const set = { ...this.#others, ...given.set };
        const remove = Object.keys(shape.onExpire.set);
        const from = isCancelledFree ? [shape.status.expired, cancelled] : undefined;
        return this.#client.hold({ ...given, set, remove, holdMs, status, ...(from && { from }) }, nowMs);
      }
      case 'extend':
        return this.#client.extend({ ...given, seen: seen ?? {}, holdMs }, nowMs);
      case 'confirm':
        return this.#client.confirm({ ...given, status }, nowMs);
      case 'cancel':
      case 'release':
        return this.#client.cancel({ ...given, status }, nowMs);
    }
  }

  async #update(input: UpdateInput): Promise<void> {
    await this.#documents.send(new UpdateCommand({ TableName: this.#table, ...input }));
  }

  async #get(name: string): Promise<Attributes | undefined> {
    const Key = this.#make.keyOf(name);
    const command = new GetCommand({ TableName: this.#table, Key, ConsistentRead: true });
    return ((await this.#documents.send(command)) as { readonly Item?: Attributes }).Item;
  }
}
