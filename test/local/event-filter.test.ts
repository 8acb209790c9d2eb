import { describe, expect, test } from 'vitest';
import { compileFilters, UnsupportedFilterError } from '../../local/event-filter.ts';

const matches = (pattern: unknown, event: unknown) => compileFilters([JSON.stringify(pattern)])(event);

describe('a filter of an event source mapping', () => {
  test('of the stream lets pending bookings through and nothing else', () => {
    const pattern = { eventName: ['INSERT', 'MODIFY'], dynamodb: { NewImage: { status: { S: ['PENDING'] } } } };
    const record = (eventName: string, status: string) => ({
      eventName,
      dynamodb: { NewImage: { status: { S: status } } },
    });
    expect(matches(pattern, record('INSERT', 'PENDING'))).toBe(true);
    expect(matches(pattern, record('MODIFY', 'PENDING'))).toBe(true);
    expect(matches(pattern, record('MODIFY', 'EXPIRED'))).toBe(false);
    expect(matches(pattern, record('REMOVE', 'PENDING'))).toBe(false);
    expect(matches(pattern, { eventName: 'REMOVE', dynamodb: {} })).toBe(false);
  });

  test.each([
    [{ a: [1, 2] }, { a: 2 }, true],
    [{ a: [1, 2] }, { a: '2' }, false],
    [{ a: [null] }, { a: null }, true],
    [{ a: ['x'] }, { a: ['y', 'x'] }, true],
    [{ a: [{ prefix: 'ab' }] }, { a: 'abc' }, true],
    [{ a: [{ suffix: 'bc' }] }, { a: 'abc' }, true],
    [{ a: [{ 'equals-ignore-case': 'ABC' }] }, { a: 'abc' }, true],
    [{ a: [{ exists: true }] }, { a: 0 }, true],
    [{ a: [{ exists: false }] }, {}, true],
    [{ a: [{ exists: false }] }, { a: 0 }, false],
    [{ a: [{ 'anything-but': ['x', 'y'] }] }, { a: 'z' }, true],
    [{ a: [{ 'anything-but': ['x'] }] }, { a: 'x' }, false],
    [{ a: [{ numeric: ['>', 1, '<=', 3] }] }, { a: 3 }, true],
    [{ a: [{ numeric: ['>', 1, '<=', 3] }] }, { a: 1 }, false],
    [{ a: { b: ['x'] } }, { a: 7 }, false],
    [{ $or: [{ a: [1] }, { b: [1] }] }, { b: 1 }, true],
    [{ $or: [{ a: [1] }, { b: [1] }] }, { c: 1 }, false],
  ])('%j on %j: %s', (pattern, event, expected) => {
    expect(matches(pattern, event)).toBe(expected);
  });

  test('passes an event if any of several patterns does, and every event if there is none', () => {
    const either = compileFilters(['{"a":[1]}', '{"b":[1]}']);
    expect(either({ b: 1 })).toBe(true);
    expect(either({ c: 1 })).toBe(false);
    expect(compileFilters([])({ anything: true })).toBe(true);
  });

  test('with a rule that is not known is refused, not ignored', () => {
    expect(() => compileFilters(['{"a":[{"wildcard":"*"}]}'])).toThrow(UnsupportedFilterError);
    expect(() => compileFilters(['{"a":[{"numeric":["~",1]}]}'])).toThrow('numeric rule ["~",1] is not supported');
  });
});
