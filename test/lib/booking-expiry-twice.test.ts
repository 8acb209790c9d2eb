import { describe, expect, test } from 'vitest';
import { BookingExpiry, type BookingExpiryProps } from '../../lib/index.ts';
import { importedTable, ofType, shop, streamReaders, TICKETS, ticketTable } from '../support/construct.ts';

describe('two in one stack', () => {
  const OTHER = {
    only: { entity: 'Room' },
    indexName: 'held-rooms',
    attributes: { pendingShard: 'roomShard', expiresAtMs: 'roomExpiresAtMs' },
  };

  test('on two tables have nothing in common', () => {
    const stack = shop();
    const first = new BookingExpiry(stack, 'First', { table: ticketTable(stack, 'A'), dashboard: true });
    const second = new BookingExpiry(stack, 'Second', { table: ticketTable(stack, 'B'), dashboard: true });
    expect(first.serviceName).not.toBe(second.serviceName);
    const names = ofType(stack, 'AWS::CloudWatch::Alarm').map(([, { AlarmName }]) => AlarmName);
    expect(new Set(names).size).toBe(names.length);
    expect(ofType(stack, 'AWS::Lambda::Function')).toHaveLength(8);
  });

  test('on one table share its stream’s two readers and have an index each', () => {
    const stack = shop();
    const table = ticketTable(stack);
    new BookingExpiry(stack, 'Tickets1', { table, ...TICKETS, events: false });
    new BookingExpiry(stack, 'Rooms', { table, ...TICKETS, ...OTHER, events: false });
    expect(streamReaders(stack)).toHaveLength(2);
    const [, { GlobalSecondaryIndexes } = {}] =
      ofType(stack, 'AWS::DynamoDB::Table').find(([id]) => id.startsWith('Tickets')) ?? [];
    expect(GlobalSecondaryIndexes).toMatchObject([{ IndexName: 'pending-by-expiry' }, { IndexName: 'held-rooms' }]);
  });

  const second =
    (props: Partial<BookingExpiryProps>, firstProps: Partial<BookingExpiryProps> = {}, imported = false) =>
    () => {
      const stack = shop();
      const table = imported ? undefined : ticketTable(stack);
      const first = { ...TICKETS, events: false, indexName: 'pending-by-expiry', ...firstProps } as const;
      new BookingExpiry(stack, 'First', { table: table ?? importedTable(stack, 'I1'), ...first });
      new BookingExpiry(stack, 'Second', { table: table ?? importedTable(stack, 'I2'), ...TICKETS, ...props });
    };

  test('on one table with three readers fail, and are told how two would do', () => {
    expect(second({ ...OTHER })).toThrow(
      /may have 2 readers, got 3 together with Shop\/First: write events: false in each/,
    );
    expect(second({ ...OTHER, events: false }, { events: true })).toThrow('got 3');
    expect(second({ ...OTHER, events: false })).not.toThrow();
  });

  test('on one table fail if their items or indexes would be the same', () => {
    const { only, ...names } = OTHER;
    expect(second({ events: false, only })).toThrow(/Shop\/Second: indexName must be another than that of Shop\/First/);
    expect(second({ events: false, only, indexName: 'held-rooms' })).toThrow('attributes.pendingShard must be another');
    expect(second({ events: false, ...names })).toThrow('both would expire those whose state is reserved');
  });

  test('are known to be on one table also where it was imported twice', () => {
    expect(second({ ...OTHER, indexName: 'pending-by-expiry', events: false }, {}, true)).toThrow('indexName must be');
    expect(second({ ...OTHER, events: false }, {}, true)).not.toThrow();
  });

  test('do not conflict if one of them has failed', () => {
    const stack = shop();
    const table = ticketTable(stack);
    expect(() => new BookingExpiry(stack, 'First', { table, onExpire: { set: { note: 'x'.repeat(3_000) } } })).toThrow(
      'at most 2500 bytes',
    );
    expect(() => new BookingExpiry(stack, 'Second', { table })).not.toThrow();
  });

  test('with one service name fail', () => {
    const stack = shop();
    new BookingExpiry(stack, 'First', { table: ticketTable(stack, 'A'), serviceName: 'tickets' });
    expect(
      () => new BookingExpiry(stack, 'Second', { table: ticketTable(stack, 'B'), serviceName: 'tickets' }),
    ).toThrow('Shop/Second: serviceName must be another than that of Shop/First, got tickets');
  });
});
