/** What a consumer makes of the events of one booking, in whatever order and however often they arrive. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BookingStore } from '../../functions/adapters/booking-store.ts';
import { SlottedBookings } from '../../functions/adapters/slotted-bookings.ts';
import type { BookingEvent } from '../../functions/core/booking-events.ts';
import { createHandler } from '../../functions/publish-events.ts';
import { BOOKINGS_SHAPE } from '../../functions/table/shape.ts';
import { MemoryTable } from '../memory/memory-table.ts';
import { MemoryTransactions } from '../memory/memory-transactions.ts';
import { BOOKINGS_SCHEMA, SLOTS_SCHEMA } from '../memory/schemas.ts';
import { TableState } from '../memory/table-state.ts';
import { recordingDeadLetters } from '../support/dead-letters.ts';
import { streamEvent } from '../support/records.ts';
import { recordingTelemetry } from '../support/telemetry.ts';

const NOW = 1_790_000_000_000;

/** The stages as the page for consumers has them, the earliest first. */
const stages = (): string[][] => {
  const page = readFileSync(new URL('../../docs/webhooks.md', import.meta.url), 'utf8');
  const [, list = ''] = /in this order, and may leave out any of them:\s+([^.]+)\./.exec(page) ?? [];
  return list.split(', then ').map((stage) => [...stage.matchAll(/`(\w+)`/g)].map(([, type = '']) => type));
};
const rankOf = (type: string): number => stages().findIndex((stage) => stage.includes(type));

const STEPS = ['confirm', 'revive', 'cancel', 'lapse'] as const;
type Step = (typeof STEPS)[number];

/** The events of a booking that these steps are tried with, as its stream has them, and its status in the end. */
const eventsOf = async (steps: readonly Step[], clockOffsMs: readonly number[]) => {
  const bookings = new TableState(BOOKINGS_SCHEMA);
  const slots = new TableState(SLOTS_SCHEMA);
  const table = new MemoryTable(bookings);
  const slotted = new SlottedBookings({
    transactions: new MemoryTransactions(
      new Map([
        ['bookings', bookings],
        ['slots', slots],
      ]),
    ),
    slots: new MemoryTable(slots),
    slotsTable: 'slots',
    bookings: table,
    bookingsTable: 'bookings',
    shape: BOOKINGS_SHAPE,
  });
  const store = new BookingStore(table, 1, { slotted });
  await store.create({ bookingId: 'seat', holdMs: 60_000, slotIds: ['1'] }, NOW);
  let nowMs = NOW;
  for (const [index, step] of steps.entries()) {
    const atMs = nowMs + (clockOffsMs[index] ?? 0);
    if (step === 'lapse') nowMs += 60_000;
    if (step === 'lapse') await store.read('seat', nowMs + (clockOffsMs[index] ?? 0));
    if (step === 'confirm') await store.confirm('seat', atMs);
    if (step === 'revive') await store.confirm('seat', atMs, { ifLapsed: 'revive' });
    if (step === 'cancel') await store.cancel('seat', atMs);
  }
  const published: BookingEvent[] = [];
  const handler = createHandler({
    bus: {
      publish: async (events) => {
        published.push(...events);
        return [];
      },
    },
    telemetry: recordingTelemetry().telemetry,
    shape: BOOKINGS_SHAPE,
    ...recordingDeadLetters(),
  });
  const records = bookings.records.map(({ eventName, sequence, oldImage, newImage }) => ({
    eventID: String(sequence),
    eventName,
    dynamodb: { SequenceNumber: String(sequence), OldImage: oldImage, NewImage: newImage },
  }));
  await handler(streamEvent(...(records as never[])));
  return { published, status: (await store.get('seat'))?.status };
};

const STATUS_OF: Readonly<Record<string, string>> = {
  BookingExpired: 'EXPIRED',
  BookingConfirmed: 'CONFIRMED',
  BookingRevived: 'CONFIRMED',
  BookingCancelled: 'CANCELLED',
};

describe('a consumer that keeps the latest stage', () => {
  test('knows the stages from the page', () => {
    expect(stages()).toEqual([['BookingExpired'], ['BookingConfirmed', 'BookingRevived'], ['BookingCancelled']]);
  });

  test('ends with what the booking is, in whatever order and however often events come, by whatever clocks', async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...STEPS), { minLength: 1, maxLength: 5 }),
        fc.array(fc.integer({ min: -5_000, max: 5_000 }), { minLength: 5, maxLength: 5 }),
        fc.infiniteStream(fc.nat()),
        async (steps, clockOffsMs, choices) => {
          const { published, status } = await eventsOf(steps, clockOffsMs);
          const arriving = [...published, ...published].sort(() => (choices.next().value % 2 === 0 ? 1 : -1));
          const kept = arriving.reduce(
            (latest, { detailType }) => (rankOf(detailType) > rankOf(latest) ? detailType : latest),
            '',
          );
          expect(STATUS_OF[kept] ?? 'PENDING').toBe(status);
          const types = published.map(({ detailType }) => detailType);
          expect(types.includes('BookingRevived') && types.includes('BookingConfirmed')).toBe(false);
          seen.add(types.join());
        },
      ),
      { numRuns: 500 },
    );
    expect(seen).toContain('BookingExpired,BookingRevived,BookingCancelled');
  });
});
