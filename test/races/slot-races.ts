/** Races for slots over several processes, by the store and by HTTP, recorded as calls with what each was told. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { BookingStore } from '../../functions/adapters/booking-store.ts';
import { DynamoDbTable } from '../../functions/adapters/dynamodb-table.ts';
import { readSlot, slotKey } from '../../functions/table/slot-items.ts';
import type { OwnRuntime } from '../../service/service.ts';
import { type Call, lookedAt } from '../slot-histories/explain.ts';
import { tellBooking, tellSlot } from '../slot-histories/telling.ts';
import type { Act } from '../slot-histories/truth.ts';
import { patientClient } from '../support/store.ts';
import type { Group, SlotOrders } from './slot-racer.ts';

const PROCESSES = 4;
const SHARD_COUNT = 10;
/** Longer than any hold of a race. */
const REST_MS = 2_000;

/** The same for all processes of a machine, ms. */
const clock = () => Number(process.hrtime.bigint()) / 1e6;

const startRacer = async () => {
  const script = fileURLToPath(new URL('./slot-racer.ts', import.meta.url));
  const racer = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: racer.stdout })[Symbol.asyncIterator]();
  if ((await lines.next()).value !== 'ready') throw new Error('a racer did not get ready');
  return { racer, lines };
};

export interface SlotRaceOptions {
  /** Groups of bookings that want the same slots, each a race of its own. */
  readonly groups: number;
  /** How many acts of each process each group sees. */
  readonly acts: number;
}

/**
 * Races, and waits until every hold has lapsed.
 *
 * @param name of the race, for ids that no other race has
 * @returns what was done in each group; of a group of which nothing can be said, nothing
 */
export const raceForSlots = async (
  { dynamodbEndpoint, outputs }: OwnRuntime,
  name: string,
  options: SlotRaceOptions,
): Promise<Call[][]> => {
  const groups = Array.from({ length: options.groups }, (_, index): Group => {
    const of = (names: readonly string[]) => names.map((each) => `${name}-${index}-${each}`);
    return { bookingIds: of(['ann', 'bob', 'cat']), slotIds: of(['seat-1', 'seat-2']) };
  });
  const racers = await Promise.all(Array.from({ length: PROCESSES }, startRacer));
  const orders: SlotOrders = {
    dynamodb: dynamodbEndpoint,
    bookingsTable: outputs.BookingsTableName ?? '',
    slotsTable: outputs.SlotsTableName ?? '',
    api: `${outputs.ApiUrl}/api/v1`,
    shardCount: SHARD_COUNT,
    groups,
    startAt: clock() + 100,
    acts: options.acts,
    everyMs: 400,
  };
  const calls: Call[][] = groups.map(() => []);
  const unknown = new Set<number>();
  await Promise.all(
    racers.map(async ({ racer, lines }) => {
      racer.stdin.end(`${JSON.stringify(orders)}\n`);
      for await (const line of lines) {
        const { group, isUnknown, ...call } = JSON.parse(line) as Call & { group: number; isUnknown: boolean };
        if (isUnknown) unknown.add(group);
        calls[group]?.push({ ...call, answeredAt: call.answeredAt ?? Number.POSITIVE_INFINITY });
      }
    }),
  );
  await sleep(REST_MS);
  const client = patientClient(dynamodbEndpoint);
  const ending = endingOf(client, orders);
  const whole = await Promise.all(calls.map(async (each, index) => [...each, ...(await ending(groups[index]))]));
  client.destroy();
  return whole.filter((_, index) => !unknown.has(index)).map((each) => each.flatMap(lookedAt));
};

/** What there is of a group in the end, as calls: who marked what, which nobody was told, and what is read last. */
const endingOf =
  (client: ReturnType<typeof patientClient>, { bookingsTable, slotsTable, shardCount }: SlotOrders) =>
  async (group: Group | undefined): Promise<Call[]> => {
    const store = new BookingStore(new DynamoDbTable(client, bookingsTable), shardCount);
    const slots = new DynamoDbTable(client, slotsTable);
    const call = async (act: Act, read: (nowMs: number) => Promise<Call['told']>): Promise<Call> => {
      const times = { fromMs: Date.now(), calledAt: clock() };
      return { act, told: await read(times.fromMs), ...times, byMs: Date.now(), answeredAt: clock() };
    };
    const calls: Call[] = [];
    for (const id of group?.bookingIds ?? []) {
      calls.push(
        await call({ do: 'read', id }, async (nowMs) => {
          const booking = await store.read(id, nowMs);
          return booking ? tellBooking('found', booking, nowMs) : { kind: 'missing' };
        }),
      );
      // Somebody marked it at some moment: nobody heard when, but it says what that clock was.
      const atMs = (await store.get(id))?.expiredAtMs;
      if (atMs === undefined) continue;
      const times = { fromMs: atMs, byMs: atMs, calledAt: 0, answeredAt: Number.POSITIVE_INFINITY };
      calls.push({ act: { do: 'expire', id }, told: undefined, ...times });
    }
    for (const slotId of group?.slotIds ?? []) {
      calls.push(
        await call({ do: 'look-up', slotId }, async (nowMs) =>
          tellSlot([readSlot(slotId, await slots.get(slotKey(slotId)))], nowMs),
        ),
      );
    }
    return calls;
  };
