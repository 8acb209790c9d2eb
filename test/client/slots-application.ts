/** An application that moves bookings with slots by itself, next to the HTTP API: for tests. */
import {
  BatchGetCommand,
  DeleteCommand,
  GetCommand,
  TransactWriteCommand,
  type TransactWriteCommandInput,
  UpdateCommand,
  type UpdateCommandInput,
} from '@aws-sdk/lib-dynamodb';
import {
  type Attributes,
  type LapsedSlot,
  type SlotsClient,
  type SlotsRefusal,
  slotsClient,
  type TransactInput,
  type UpdateOfTable,
} from '../../client/index.ts';
import type { useBookingsApi } from '../support/bookings-api.ts';
import { SHARD_COUNT } from '../support/engines.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

type BookingsApi = ReturnType<typeof useBookingsApi>;

/** A client of the tables of this API. */
export const clientOf = (api: BookingsApi): SlotsClient => {
  const { table, slotsTable } = api.engines();
  return slotsClient({ bookingsTable: table, slotsTable, shardCount: SHARD_COUNT });
};

/** Thrown by what is not made, with the reason. */
class Refused extends Error {
  readonly refusal: SlotsRefusal;
  constructor(refusal: SlotsRefusal) {
    super(`refused: ${refusal.kind}`);
    this.refusal = refusal;
  }
}

/** Why a move is not made. */
export const refusal = async (move: () => Promise<void>): Promise<SlotsRefusal> => {
  try {
    await move();
  } catch (error) {
    if (error instanceof Refused) return error.refusal;
    throw error;
  }
  throw new Error('it was made');
};

/** Whether it is made. */
export const made = async (move: () => Promise<void>): Promise<boolean> => {
  try {
    await move();
    return true;
  } catch (error) {
    if (error instanceof Refused) return false;
    throw error;
  }
};

/**
 * What an application does with its client, on the tables of this API. Bookings and slots go by names that each test has for
 * itself. What is not made throws `Refused`.
 */
export const slotsApplication = (api: BookingsApi, client: () => SlotsClient) => {
  /** Names that no other test has. */
  const id = (name: string) => `${name} №${api.sequence()}`;
  const slot = (name: string) => `friday-20h/${name}/${api.sequence()}`;

  const create = (
    name: string,
    slots: readonly string[],
    { holdMs = MINUTE, ...given }: { holdMs?: number; customerId?: string; attributes?: Attributes } = {},
    nowMs = api.nowMs(),
  ) =>
    claim(
      (lapsed) => client().create({ bookingId: id(name), slotIds: slots.map(slot), holdMs, lapsed, ...given }, nowMs),
      nowMs,
    );

  /** Asks the bookings whose holds have lapsed, as the text of the refusal says, and then claims their slots. */
  const claim = async (make: (lapsed: LapsedSlot[]) => TransactInput, nowMs: number): Promise<void> => {
    let lapsed: LapsedSlot[] = [];
    for (let tries = 0; tries < 10; tries += 1) {
      try {
        await transact(make(lapsed), nowMs);
        return;
      } catch (error) {
        const refused =
          error instanceof Refused ? error.refusal : client().refusalOf(error, { TransactItems: [] }, nowMs);
        if (refused === undefined) throw error;
        if (refused.kind !== 'slots-lapsed') throw new Refused(refused);
        lapsed = await Promise.all(
          refused.slots.map(async ({ bookingId = '', slot }) => ({ slot, owner: await marked(bookingId, nowMs) })),
        );
      }
    }
    throw new Error('others had it each time');
  };

  /** A booking that has been marked, if it has lapsed. */
  const marked = async (bookingId: string, nowMs: number): Promise<Attributes | undefined> => {
    const seen = await read(bookingId);
    if (seen?.status === 'PENDING') await made(() => update(client().expire({ seen }, nowMs), nowMs));
    return read(bookingId);
  };

  /** A slot that is held is free then, and its booking does not know. */
  const deleteByHand = async (name: string): Promise<void> => {
    const { documents, slotsTable } = api.engines();
    await documents.send(new DeleteCommand({ TableName: slotsTable, Key: { slotId: slot(name) } }));
  };

  const confirm = async (name: string) => transact(client().confirm({ seen: await read(id(name)) }, api.nowMs()));
  const cancel = async (name: string) => transact(client().cancel({ seen: await read(id(name)) }, api.nowMs()));
  const revive = async (name: string) => {
    const seen = await read(id(name));
    await claim((lapsed) => client().revive({ seen, lapsed }, api.nowMs()), api.nowMs());
  };
  const extend = async (name: string, holdMs: number) =>
    transact(client().extend({ seen: await read(id(name)), holdMs }, api.nowMs()));

  const send = async (
    input: TransactInput | UpdateOfTable,
    request: () => Promise<unknown>,
    nowMs: number,
  ): Promise<void> => {
    for (let tries = 0; ; tries += 1) {
      try {
        await request();
        return;
      } catch (error) {
        const refusal = client().refusalOf(error, input, nowMs);
        if (refusal === undefined) throw error;
        if (refusal.kind !== 'busy' || tries === 50) throw new Refused(refusal);
        await new Promise((resolve) => setTimeout(resolve, 20 * Math.random()));
      }
    }
  };

  const transact = (input: TransactInput, nowMs = api.nowMs()): Promise<void> => {
    const command = () => new TransactWriteCommand(input satisfies TransactWriteCommandInput);
    return send(input, () => api.engines().documents.send(command()), nowMs);
  };
  const update = (input: UpdateOfTable, nowMs = api.nowMs()): Promise<void> => {
    const command = () => new UpdateCommand(input satisfies UpdateCommandInput);
    return send(input, () => api.engines().documents.send(command()), nowMs);
  };

  // biome-ignore lint/suspicious/noExplicitAny: what a test finds, it compares
  const read = async (bookingId: string): Promise<any> => {
    const { documents, table } = api.engines();
    const Key = { bookingId };
    return (await documents.send(new GetCommand({ TableName: table, Key, ConsistentRead: true }))).Item;
  };

  const slotItems = async (...names: string[]): Promise<Attributes[]> => {
    const { documents, slotsTable } = api.engines();
    const wanted = names.map(slot);
    const { Responses } = await documents.send(new BatchGetCommand(client().lookUp(wanted)));
    const items = Responses?.[slotsTable] ?? [];
    return wanted.flatMap((slotId) => items.filter((item) => item.slotId === slotId));
  };

  const states = async (...names: string[]): Promise<string[]> => {
    const items = await slotItems(...names);
    const owners = await Promise.all(client().ownersOfLapsed(items, api.nowMs()).map(read));
    return client()
      .slotsIn(names.map(slot), items, owners.filter(Boolean), api.nowMs())
      .map(({ state }) => state);
  };

  const http = (method: string, name: string, path = '', body?: object) =>
    api.call(method, `/bookings/${encodeURIComponent(id(name))}${path}`, body);

  return {
    cancel,
    confirm,
    create,
    deleteByHand,
    extend,
    http,
    id,
    read,
    revive,
    slot,
    slotItems,
    states,
    transact,
    update,
  };
};
