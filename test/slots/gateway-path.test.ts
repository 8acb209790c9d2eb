/** Paths as API Gateway gives them: those of an HTTP API are decoded, and a URL must be made of them all the same. */
import { expect, test } from 'vitest';
import { pathForUrl } from '../../functions/api/gateway-path.ts';

const START = '/api/v1/slots/';
/** The id that is read from a path. */
const readFrom = (rawPath: string): string => {
  const { pathname, search, hash } = new URL(`https://api.test${pathForUrl(rawPath)}`);
  expect([search, hash]).toEqual(['', '']);
  return decodeURIComponent(pathname.slice(START.length));
};

const IDS = [
  'row 1/seat 2',
  'a?b#c',
  '50%',
  '5% off',
  'a\\b',
  'tab\there',
  'line\nbreak',
  '日本',
  '"',
  '😀',
  'a+b&c=d;e',
];

test.each(IDS)('the slot %j is read from its path, decoded or not', (slotId) => {
  expect(readFrom(START + slotId)).toBe(slotId);
  expect(readFrom(START + encodeURIComponent(slotId))).toBe(slotId);
});
