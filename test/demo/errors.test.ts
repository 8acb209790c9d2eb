import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DemoErrors, wrapLines } from '../../demo/errors.ts';

const told: string[] = [];
const errors = (): DemoErrors => {
  told.length = 0;
  return new DemoErrors((text) => told.push(text));
};
const line = (data: Record<string, unknown>, level = 'ERROR') =>
  JSON.stringify({ level, timestamp: '2026-12-01T10:00:00.000Z', service: 'expire-booking', ...data });
const reason = `timer version must be 1, got {"a":"${'x'.repeat(300)}"}`;

describe('an error that the demo brings about', () => {
  test('is told as planned, whole, and not as an ERROR', () => {
    const demo = errors();
    demo.plan(['message-1']);
    demo.takeLogLine('ExpireBookingFunction', line({ message: 'message is no timer', messageId: 'message-1', reason }));
    expect(told).toEqual([`as planned: expire-booking: message is no timer: ${reason} (messageId message-1)`]);
  });

  test('is told as planned also if it is logged before the demo knows the id of its message', () => {
    const demo = errors();
    demo.takeLogLine('ExpireBookingFunction', line({ message: 'message is no timer', messageId: 'message-1' }));
    expect(told).toEqual([]);
    demo.plan(['message-1']);
    expect(told).toEqual(['as planned: expire-booking: message is no timer (messageId message-1)']);
  });

  test('is told once, however often the message comes again', () => {
    const demo = errors();
    demo.plan(['booking-1']);
    for (let times = 0; times < 10; times += 1) {
      demo.takeLogLine(
        'ScheduleExpiryFunction',
        line({ message: 'booking has no valid deadline', bookingId: 'booking-1' }),
      );
    }
    expect(told).toHaveLength(1);
  });
});

describe('any other error', () => {
  test.each([
    [{ bookingId: 'somebody' }, ' (bookingId somebody)'],
    [{ messageId: 'message-2' }, ' (messageId message-2)'],
    [{ error: { name: 'TimeoutError' } }, ' (error {"name":"TimeoutError"})'],
    [{}, ''],
  ])('is told as an ERROR: %j', (data, shown) => {
    const demo = errors();
    demo.plan(['message-1']);
    demo.takeLogLine('ExpireBookingFunction', line({ message: 'could not write', ...data }));
    expect(told).toEqual([`ERROR expire-booking: could not write${shown}`]);
  });
});

test('what is no error is not told', () => {
  const demo = errors();
  demo.plan(['message-1']);
  demo.takeLogLine('ExpireBookingFunction', line({ message: 'batch', messageId: 'message-1' }, 'INFO'));
  expect(told).toEqual([]);
});

describe('a text that is wrapped', () => {
  test('is broken between words, and in a word that is longer than a line', () => {
    expect(wrapLines('one two three', 7, '  ')).toEqual(['one two', '  three']);
    expect(wrapLines('one twothreefour', 7, '  ')).toEqual(['one', '  twoth', '  reefo', '  ur']);
    expect(wrapLines('', 7, '  ')).toEqual(['']);
    expect(wrapLines('abc', 0, '  ')).toEqual(['a', '  b', '  c']);
  });

  test('loses nothing but spaces, and no line is longer than the terminal is wide', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 4, max: 40 }), (text, width) => {
        const lines = wrapLines(text, width, '  ');
        expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(width);
        expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
      }),
    );
  });
});
