/** docs/performance.md names everything that the simulation takes for granted, with its value. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ASSUMPTIONS } from '../../bench/simulation/assumptions.ts';
import { DOUBTFUL } from '../../bench/simulation/scenarios.ts';

const page = readFileSync(new URL('../../docs/performance.md', import.meta.url), 'utf8');

test('every assumption is on the page with its value, and no other', () => {
  const table = page.slice(page.indexOf('### What is assumed')).split('\n\n')[1] ?? '';
  const listed = [...table.matchAll(/^\| `(\w+)` \| ([^|]+) \|/gm)].map(([, name, value]) => [name, value]);
  const expected = Object.entries(ASSUMPTIONS).map(([name, value]) => [
    name,
    value === null ? 'each shard has its own' : value.toLocaleString('en-US'),
  ]);
  expect(listed).toEqual(expected);
});

test('every assumption that is a guess of ours has rows that show how the result moves with it', () => {
  const table = page.slice(page.indexOf('### How the result moves with each assumption')).split('\n\n')[2] ?? '';
  const names = [...table.matchAll(/^\| ([^|]+) \| [\d,]+ \|/gm)].map(([, name]) => name);
  expect(names).toEqual(DOUBTFUL.map(({ name }) => name));
});
