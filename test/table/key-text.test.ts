/** What an item is called in logs and timers: one text for each key, and never the same for two. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keyText } from '../../functions/table/key-text.ts';
import { tableShape } from '../../functions/table/shape.ts';

const bookings = tableShape();
const tickets = tableShape({ key: { partition: 'event_id', sort: 'ticket_id' } });
const orders = tableShape({ key: { partition: { name: 'order', type: 'N' } } });
const seats = tableShape({ key: { partition: 'show', sort: { name: 'seat', type: 'N' } } });

test.each([
  [bookings, { bookingId: { S: 'seat-2' } }, 'seat-2'],
  [bookings, { bookingId: { S: '["a","b"]' }, status: { S: 'PENDING' } }, '["a","b"]'],
  [tickets, { event_id: { S: 'concert-7' }, ticket_id: { S: 'A-12' } }, '["concert-7","A-12"]'],
  [tickets, { event_id: { S: 'a","b' }, ticket_id: { S: '' } }, String.raw`["a\",\"b",""]`],
  [orders, { order: { N: '4711' } }, '4711'],
  [orders, { order: { N: '4.7110E+3' } }, '4711'],
  [orders, { order: { N: '-0' } }, '0'],
  [seats, { show: { S: 'Tosca' }, seat: { N: '7.50' } }, '["Tosca","7.5"]'],
])('%#: the text of a key', (shape, item, text) => {
  expect(keyText(shape, item)).toBe(text);
});

test.each([
  [bookings, {}],
  [bookings, { bookingId: { N: '7' } }],
  [orders, { order: { S: '4711' } }],
  [orders, { order: { N: 'seven' } }],
  [tickets, { event_id: { S: 'concert-7' } }],
  [tickets, { ticket_id: { S: 'A-12' } }],
  [tableShape({ key: { partition: 'constructor' } }), {}],
])('%#: what has no such key has no text', (shape, item) => {
  expect(keyText(shape, item)).toBeUndefined();
});

test('two composite keys never have the same text', () => {
  const aText = fc.string({ unit: fc.constantFrom('"', ',', '[', ']', '\\', 'a', 'é') });
  const aKey = fc.tuple(aText, aText);
  const text = ([event, ticket]: [string, string]) =>
    keyText(tickets, { event_id: { S: event }, ticket_id: { S: ticket } });
  fc.assert(
    fc.property(aKey, aKey, (one, other) => {
      expect(text(one) === text(other)).toBe(one[0] === other[0] && one[1] === other[1]);
    }),
  );
});
