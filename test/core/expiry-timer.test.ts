import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeTimer, encodeTimer, MalformedTimerError } from '../../functions/core/expiry-timer.ts';

describe('a timer', () => {
  test('is read as it was written', () => {
    const bookingId = fc.string({ minLength: 1, maxLength: 500, unit: 'binary' });
    fc.assert(
      fc.property(bookingId, fc.integer({ min: 1e12, max: 1e14 }), (id, expiresAtMs) => {
        fc.pre(id.isWellFormed());
        expect(decodeTimer(encodeTimer({ bookingId: id, expiresAtMs }))).toEqual({ bookingId: id, expiresAtMs });
      }),
    );
  });

  test('of version 1 keeps the format that is in the queues already', () => {
    const body = '{"v":1,"bookingId":"seat-1","expiresAtMs":1790000000000}';
    expect(encodeTimer({ bookingId: 'seat-1', expiresAtMs: 1_790_000_000_000 })).toBe(body);
    expect(decodeTimer(body)).toEqual({ bookingId: 'seat-1', expiresAtMs: 1_790_000_000_000 });
  });

  test('with a field that a later deployment added is still read', () => {
    const body = '{"v":1,"bookingId":"seat-1","expiresAtMs":1790000000000,"added":true}';
    expect(decodeTimer(body).bookingId).toBe('seat-1');
  });

  test.each([
    ['', 'must be JSON'],
    ['hello', 'must be JSON'],
    ['[]', 'must be a JSON object'],
    ['null', 'must be a JSON object'],
    ['{}', 'version must be 1, got nothing'],
    ['{"v":2,"bookingId":"a","expiresAtMs":1790000000000}', 'version must be 1, got 2'],
    ['{"v":"1","bookingId":"a","expiresAtMs":1790000000000}', 'version must be 1, got "1"'],
    ['{"v":1,"expiresAtMs":1790000000000}', 'bookingId must be'],
    ['{"v":1,"bookingId":"","expiresAtMs":1790000000000}', 'bookingId must be'],
    ['{"v":1,"bookingId":7,"expiresAtMs":1790000000000}', 'bookingId must be'],
    [`{"v":1,"bookingId":"${'é'.repeat(1_025)}","expiresAtMs":1790000000000}`, 'bookingId must be'],
    ['{"v":1,"bookingId":"a"}', 'expiresAtMs must be a whole number, got nothing'],
    ['{"v":1,"bookingId":"a","expiresAtMs":"1790000000000"}', 'expiresAtMs must be a whole number'],
    ['{"v":1,"bookingId":"a","expiresAtMs":1790000000000.5}', 'expiresAtMs must be a whole number'],
    ['{"v":1,"bookingId":"a","expiresAtMs":1790000000}', 'looks like seconds'],
    ['{"v":1,"bookingId":"a","expiresAtMs":null}', 'expiresAtMs must be a whole number'],
  ])('%s is malformed, and the message says why', (body, reason) => {
    expect(() => decodeTimer(body)).toThrow(MalformedTimerError);
    expect(() => decodeTimer(body)).toThrow(reason);
  });

  test('made of anything at all is either read or malformed, nothing else', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (body) => {
        try {
          decodeTimer(body);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedTimerError);
        }
      }),
    );
  });
});

test.each([
  ['a', 2_048],
  ['é', 1_024],
  ['€', 682],
])('an id of %s is at most 2,048 bytes long, however many letters that are', (letter, most) => {
  const bodyOf = (letters: number) =>
    JSON.stringify({ v: 1, bookingId: letter.repeat(letters), expiresAtMs: 1_800_000_000_000 });
  expect(decodeTimer(bodyOf(most)).bookingId).toHaveLength(most);
  expect(() => decodeTimer(bodyOf(most + 1))).toThrow('timer bookingId must be a string of 1 to 2048 bytes');
});
