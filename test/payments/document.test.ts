/** What docs/payments.md names is there. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SCENES } from '../../docs/examples/payments/scenes.ts';
import { PROBLEM_TYPES } from '../../functions/api/problem.ts';
import { PROJECT_DIRECTORY } from '../../service/project.ts';

const text = readFileSync(join(PROJECT_DIRECTORY, 'docs/payments.md'), 'utf8');

test('each test, and each file of the example', () => {
  const tests = [...text.matchAll(/`(test\/[\w./-]+)`/g)].map(([, file = '']) => file);
  const files = [...text.matchAll(/`([\w-]+\.ts)`/g)].map(([, file = '']) => `docs/examples/payments/${file}`);
  expect([tests.length, files.length].every((count) => count >= 5)).toBe(true);
  for (const file of [...tests, ...files]) expect(existsSync(join(PROJECT_DIRECTORY, file)), file).toBe(true);
});

test('each problem that the service answers with', () => {
  const known: readonly string[] = Object.values(PROBLEM_TYPES);
  const named = [...text.matchAll(/40[49] `([a-z-]+)`/g)].map(([, name]) => `urn:booking-expiry:problem:${name}`);
  expect(new Set(named).size).toBeGreaterThanOrEqual(5);
  for (const name of named) expect(known).toContain(name);
});

test('as many scenes as the example has', () => {
  expect(SCENES).toHaveLength(8);
  expect(text).toContain('It plays eight scenes');
});
