/** A command as its users call it: in a process of its own. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'vitest';
import { PROJECT_DIRECTORY } from '../../local/synth.ts';

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** @param script its file within the project */
export const startCommand = (script: string, args: readonly string[], environment: Record<string, string> = {}) => {
  const child = spawn(process.execPath, [join(PROJECT_DIRECTORY, script), ...args], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed = { out: '', err: '' };
  child.stdout.on('data', (chunk) => {
    printed.out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    printed.err += chunk;
  });
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code) => resolve({ code, ...printed }));
  });
  return { child, printed, ended };
};

/** The reason, and one line on where to read what is allowed: nothing that scrolls the reason away. */
export const expectUsageError = ({ code, err }: Ended, reason: string, command: string): void => {
  const [said, help, ...more] = err.trim().split('\n');
  expect(said).toContain(reason);
  expect(help).toBe(`${command} -- --help shows what is allowed`);
  expect(more).toEqual([]);
  expect(code).toBe(2);
};
