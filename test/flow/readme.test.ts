/** What the README tells a newcomer to paste, pasted. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROJECT_DIRECTORY } from '../../service/project.ts';
import type { OwnRuntime } from '../../service/service.ts';
import { startTestRuntime } from '../support/runtime.ts';

const readme = readFileSync(join(PROJECT_DIRECTORY, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = '']) => block);

let runtime: OwnRuntime;
beforeAll(async () => {
  runtime = await startTestRuntime({ schedulePeriodMs: 'never' });
});
afterAll(() => runtime.stop());

describe('the README’s first booking by curl', () => {
  const example = blocks.find((block) => block.includes('curl')) ?? '';
  const paste = async () => {
    const commands = example.replace('http://127.0.0.1:3000', runtime.outputs.ApiUrl ?? '');
    const { stdout } = await promisify(execFile)('bash', ['-euc', commands]);
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).status);
  };

  test('shows it PENDING, then EXPIRED, then that it is too late; the second time too', async () => {
    expect(await paste()).toEqual(['PENDING', 'PENDING', 'EXPIRED', 409]);
    expect(await paste()).toEqual(['PENDING', 'PENDING', 'EXPIRED', 409]);
  });

  test('has no comments, which an interactive zsh takes for arguments', () => {
    expect(example).not.toMatch(/(^|\s)#/m);
  });
});
