/**
 * One of many processes that create, confirm, revive, extend, cancel and read bookings that want the same slots, by the store or
 * by the HTTP API. Says when it is ready, reads its orders as one line of JSON, and prints every call, with what it was told, as
 * a line of JSON.
 */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { BookingStore } from '../../functions/adapters/booking-store.ts';
import { dynamoDbSlots } from '../../functions/adapters/dynamodb-slots.ts';
import { DynamoDbTable } from '../../functions/adapters/dynamodb-table.ts';
import { BOOKINGS_SHAPE } from '../../functions/table/shape.ts';
import { tellBooking, tellCreated, tellMoved, tellSlot } from '../slot-histories/telling.ts';
import type { Act, Told } from '../slot-histories/truth.ts';
import { patientClient } from '../support/store.ts';
import { httpCaller } from './slot-http.ts';

/** Bookings that want the same slots. */
export interface Group {
  readonly bookingIds: readonly string[];
  readonly slotIds: readonly string[];
}

export interface SlotOrders {
  readonly dynamodb: string;
  readonly bookingsTable: string;
  readonly slotsTable: string;
  /** The HTTP API, up to its version. */
  readonly api: string;
  readonly shardCount: number;
  readonly groups: readonly Group[];
  /** When it begins, by the clock that all processes of a machine share, ms. */
  readonly startAt: number;
  /** How many acts of this process each group sees, and how long after another, ms: all processes act at about the same moments. */
  readonly acts: number;
  readonly everyMs: number;
}

console.log('ready');
const input = createInterface({ input: process.stdin });
const [line] = (await once(input, 'line')) as [string];
input.close();
const orders = JSON.parse(line) as SlotOrders;
const { dynamodb, bookingsTable, slotsTable, shardCount } = orders;
const client = patientClient(dynamodb);
const bookings = new DynamoDbTable(client, bookingsTable);
const slotted = dynamoDbSlots(client, bookings, slotsTable, BOOKINGS_SHAPE);
const store = new BookingStore(bookings, shardCount, { slotted });
const http = httpCaller(orders.api);
/** The same for all processes of a machine, ms. */
const clock = () => Number(process.hrtime.bigint()) / 1e6;

const pick = <T>(all: readonly [T, ...T[]]): T => all[Math.floor(Math.random() * all.length)] ?? all[0];

/** What comes next, with a deadline that is soon: others wait for it. */
const nextAct = ({ bookingIds, slotIds }: Group, nowMs: number): Act => {
  const id = pick(bookingIds as [string, ...string[]]);
  const expiresAtMs = nowMs + 1_000 + Math.floor(Math.random() * 600);
  const chance = Math.random();
  if (chance < 0.34) {
    const claimed = Math.random() < 0.5 ? slotIds : [pick(slotIds as [string, ...string[]])];
    return { do: 'create', id, expiresAtMs, slotIds: Math.random() < 0.5 ? claimed : claimed.toReversed() };
  }
  if (chance < 0.58) return { do: 'confirm', id, revives: Math.random() < 0.6 };
  if (chance < 0.68) return { do: 'cancel', id };
  if (chance < 0.76) return { do: 'extend', id, expiresAtMs };
  if (chance < 0.88) return { do: 'read', id };
  return { do: 'look-up', slotId: pick(slotIds as [string, ...string[]]) };
};

const byStore = async (act: Act, nowMs: number): Promise<Told> => {
  switch (act.do) {
    case 'create': {
      const booking = { bookingId: act.id, holdMs: act.expiresAtMs - nowMs, slotIds: act.slotIds };
      return tellCreated(await store.create(booking, nowMs), nowMs);
    }
    case 'confirm':
      return tellMoved(await store.confirm(act.id, nowMs, act.revives ? { ifLapsed: 'revive' } : {}));
    case 'cancel':
      return tellMoved(await store.cancel(act.id, nowMs));
    case 'extend':
      return tellMoved(await store.extend(act.id, act.expiresAtMs - nowMs, nowMs));
    case 'look-up':
      return tellSlot(await slotted.lookUp([act.slotId], nowMs), nowMs);
    default: {
      const booking = await store.read(act.id, nowMs);
      return booking ? tellBooking('found', booking, nowMs) : { kind: 'missing' };
    }
  }
};

/** How far around its moment each process acts, ms. */
const SPREAD_MS = 40;

const race = async (group: Group, number: number): Promise<void> => {
  for (let acted = 0; acted < orders.acts; acted += 1) {
    const at = orders.startAt + (acted + number / orders.groups.length) * orders.everyMs + Math.random() * SPREAD_MS;
    await sleep(Math.max(0, at - clock()));
    const fromMs = Date.now();
    const act = nextAct(group, fromMs);
    const calledAt = clock();
    // HTTP has its deadlines from the service’s clock.
    const isByHttp = act.do !== 'extend' && Math.random() < 0.4;
    const heard = isByHttp ? await http(act) : { act, told: await byStore(act, fromMs).catch(() => undefined) };
    const byMs = Date.now();
    // What nobody heard an answer to may have been carried out, or not: of a booking that HTTP created, nobody knows the deadline.
    const isUnknown = isByHttp && heard.told === undefined && act.do === 'create';
    const answeredAt = heard.told === undefined ? undefined : clock();
    console.log(JSON.stringify({ group: number, isUnknown, ...heard, fromMs, byMs, calledAt, answeredAt }));
  }
};

await Promise.all(orders.groups.map(race));
