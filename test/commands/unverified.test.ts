/** docs/unverified.md and the command that verifies it name the same steps. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { OUTPUTS_READ } from '../../commands/verification/deployment.ts';
import { STEPS } from '../../commands/verification/steps.ts';
import { synth } from '../support/stack.ts';

const page = readFileSync(new URL('../../docs/unverified.md', import.meta.url), 'utf8');
/** The last cell of each row: the steps, or how to check by hand. */
const lastCells = page
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| what is believed'))
  .map((line) => line.split('|').at(-2)?.trim() ?? '');
const NAMES = STEPS.map(({ name }) => name);
/** In code, and with nothing in it that only a command, a metric or an option has. */
const stepsIn = (cell: string): string[] => [...cell.matchAll(/`([a-z]+(?:-[a-z]+)*)`/g)].map(([, name = '']) => name);

test('every row of the page has a step of the command, or says how to check by hand', () => {
  expect(lastCells.length).toBeGreaterThan(20);
  for (const cell of lastCells) {
    if (cell.startsWith('no step: ')) continue;
    const steps = stepsIn(cell);
    expect(steps, cell).not.toEqual([]);
    expect(NAMES, cell).toEqual(expect.arrayContaining(steps));
  }
});

test('every step of the command verifies something on the page', () => {
  const named = new Set(lastCells.filter((cell) => !cell.startsWith('no step')).flatMap(stepsIn));
  expect(NAMES.filter((name) => !named.has(name))).toEqual([]);
});

test('every output that the command reads is one of the stack', () => {
  expect(Object.keys(synth().toJSON().Outputs)).toEqual(expect.arrayContaining([...OUTPUTS_READ]));
});
