/** The policies that the Django guide hands out: what is needed, and nothing else. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { routes } from '../../functions/api/routes.ts';
import { guideBlocks } from './guide.ts';
import { EXAMPLE } from './python.ts';

interface Policy {
  readonly Statement: readonly { readonly Effect: string; readonly Action: unknown; readonly Resource: unknown }[];
}

describe('the policy of an application that uses the service as a timer', () => {
  const { Statement }: Policy = JSON.parse(readFileSync(join(EXAMPLE, 'iam-policy.json'), 'utf8'));
  const [statement] = Statement;
  const patterns = ((statement?.Resource ?? []) as string[]).map((resource) => {
    const [, pattern = ''] = /\/\$default\/(.*)$/.exec(resource) ?? [];
    return new RegExp(`^${pattern.replaceAll('*', '.*')}$`);
  });
  const allowed = routes()
    .filter(([, { method, path }]) => patterns.some((pattern) => pattern.test(`${method}${path}`)))
    .map(([name]) => name);

  test('allows the routes that timer.py calls, and no other', () => {
    expect(Statement).toHaveLength(1);
    expect(statement).toMatchObject({ Effect: 'Allow', Action: 'execute-api:Invoke' });
    expect(allowed.toSorted()).toEqual(['cancelBooking', 'confirmBooking', 'createBooking', 'extendBooking']);
    const timer = readFileSync(join(EXAMPLE, 'bookings/timer.py'), 'utf8');
    for (const move of ['confirm', 'cancel', '/extend']) expect(timer).toContain(move);
    expect(timer).not.toMatch(/\.(get|delete|put|patch)\(\s*url/);
  });
});

test('the policy of an application that writes the table has the three actions of the guide’s code', () => {
  const blocks = guideBlocks().filter(({ section }) => section.startsWith('The second way'));
  const policy: Policy = JSON.parse(blocks.find(({ language }) => language === 'json')?.text ?? '{}');
  const python = blocks
    .filter(({ language }) => language === 'python')
    .map(({ text }) => text)
    .join('\n');
  const called = new Set(
    Array.from(
      python.matchAll(/bookings\.(\w+)_item\(/g),
      ([, verb = '']) => `dynamodb:${verb[0]?.toUpperCase()}${verb.slice(1)}Item`,
    ),
  );
  expect(policy.Statement.flatMap(({ Action }) => Action).toSorted()).toEqual([...called].toSorted());
});
