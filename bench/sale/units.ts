/** What each move of a booking with slots uses, and what it uses without: counted by the meters of bench/service.ts. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Usage } from '../meter.ts';
import { type Service, SHARD_COUNT } from '../service.ts';
import { openStore } from './counter.ts';

/** All of it per booking. */
export interface MoveUse {
  readonly move: string;
  readonly slots: number;
  readonly transactions: number;
  readonly otherRequests: number;
  readonly writeUnits: number;
  readonly readUnits: number;
}

const SECONDS_MS = 1_000;
const LONG_HOLD_MS = 3_600 * SECONDS_MS;
const SHORT_HOLD_MS = 2 * SECONDS_MS;
/** How long the service may take to mark the short holds. */
const PATIENCE_MS = 30 * SECONDS_MS;
/** Reading a table's stream from Lambda is free. */
const FREE = ['GetRecords', 'DescribeStream', 'GetShardIterator', 'other'];

/**
 * Makes every move of so many bookings, one after another, on a service with meters. A transaction that is refused answers with
 * no units here; AWS charges it as one that is made.
 *
 * @throws Error if a move is answered otherwise than it must be
 */
export const measureUnits = async (
  service: Service,
  slotCounts: readonly number[],
  bookings: number,
): Promise<MoveUse[]> => {
  const { meters, runtime, table } = service;
  if (meters === undefined) throw new Error('the service must have meters');
  const { store } = openStore({
    dynamodbEndpoint: meters.application.endpoint,
    table,
    slotsTable: runtime.outputs.SlotsTableName ?? '',
    shardCount: SHARD_COUNT,
  });
  const found: MoveUse[] = [];
  for (const slots of slotCounts) {
    const slotsOf = (name: string, number: number) =>
      slots === 0 ? {} : { slotIds: Array.from({ length: slots }, (_, slot) => `${name}/${slots}/${number}/${slot}`) };
    const create = async (name: string, number: number, holdMs: number, slotsAs = name) => {
      const bookingId = `units-${name}-${slots}-${number}`;
      return (await store.create({ bookingId, holdMs, ...slotsOf(slotsAs, number) }, Date.now())).kind;
    };
    const id = (name: string, number: number) => `units-${name}-${slots}-${number}`;
    const measure = async (
      move: string,
      made: string,
      make: (number: number) => Promise<string>,
      meter = meters.application,
      whenMade = async (): Promise<void> => {},
    ): Promise<void> => {
      meter.reset();
      for (let number = 0; number < bookings; number += 1) {
        const kind = await make(number);
        if (kind !== made) throw new Error(`${move} with ${slots} slots was answered ${kind} instead of ${made}`);
      }
      await whenMade();
      found.push(useOf(move, slots, meter.usage(), bookings));
    };
    await measure('create', 'created', (number) => create('paid', number, LONG_HOLD_MS));
    if (slots > 0) {
      await measure('create, refused', 'slots-taken', (number) => create('next', number, LONG_HOLD_MS, 'paid'));
    }
    await measure(
      'extend',
      'moved',
      async (number) => (await store.extend(id('paid', number), LONG_HOLD_MS + number + 1, Date.now())).kind,
    );
    await measure('confirm', 'moved', async (number) => (await store.confirm(id('paid', number), Date.now())).kind);
    await measure('cancel, paid', 'moved', async (number) => (await store.cancel(id('paid', number), Date.now())).kind);
    await measure(
      'lapse, by the service',
      'created',
      (number) => create('lapsing', number, SHORT_HOLD_MS),
      meters.dynamodb,
      () =>
        untilMarked(
          service,
          Array.from({ length: bookings }, (_, number) => id('lapsing', number)),
        ),
    );
  }
  return found;
};

const untilMarked = async (service: Service, bookingIds: readonly string[]): Promise<void> => {
  const isMarked = (bookingId: string) =>
    service.batches.some(({ outcomes }) => outcomes.some((timer) => timer.bookingId === bookingId));
  for (const deadline = Date.now() + PATIENCE_MS; !bookingIds.every(isMarked) && Date.now() < deadline; )
    await sleep(100);
};

const useOf = (move: string, slots: number, usage: Usage, bookings: number): MoveUse => {
  const charged = Object.entries(usage).filter(([operation]) => !FREE.includes(operation));
  const sum = (part: 'requests' | 'writeUnits' | 'readUnits', of = charged) =>
    of.reduce((total, [, use]) => total + use[part], 0) / bookings;
  const isTransaction = ([operation]: (typeof charged)[number]) => operation === 'TransactWriteItems';
  return {
    move,
    slots,
    transactions: sum('requests', charged.filter(isTransaction)),
    otherRequests: sum(
      'requests',
      charged.filter((each) => !isTransaction(each)),
    ),
    writeUnits: sum('writeUnits'),
    readUnits: sum('readUnits'),
  };
};
