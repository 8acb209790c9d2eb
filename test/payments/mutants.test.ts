/** Mistakes of a shop, and of the store, that the payment histories must find: a history that finds none of them proves nothing. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PROJECT_DIRECTORY } from '../../service/project.ts';
import { PAYMENT_MUTANTS } from './mutants.ts';

/** Each is found within a third of this many histories (seed 1). */
const RUNS = '9000';
const MUTATED = join(PROJECT_DIRECTORY, 'test/payments/mutated.ts');
const RUN = join(PROJECT_DIRECTORY, 'test/payments/run.ts');

const playWith = (mutant: string): Promise<{ readonly code: number | null; readonly said: string }> =>
  new Promise((resolve, reject) => {
    const given = ['--import', MUTATED, RUN, '--seed', '1', '--runs', RUNS, '--unshrunk'];
    const env = { ...process.env, PAYMENT_MUTANT: mutant };
    const child = spawn(process.execPath, given, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        said += chunk;
      });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, said }));
  });

describe.each(PAYMENT_MUTANTS)('$name', (mutant) => {
  test('has its texts in their files once', () => {
    for (const { file, find } of [mutant, ...(mutant.also ?? [])]) {
      expect(readFileSync(join(PROJECT_DIRECTORY, file), 'utf8').split(find), find).toHaveLength(2);
    }
  });

  test('is found', async () => {
    const { code, said } = await playWith(mutant.name);
    expect(said).toContain('a promise was broken');
    expect(code).toBe(1);
  });
});

test('a mutant that is none is refused', async () => {
  const { code, said } = await playWith('none such');
  expect(said).toContain('PAYMENT_MUTANT must be the name of a mutant, got none such');
  expect(code).not.toBe(0);
});
