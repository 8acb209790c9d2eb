/** Scripts of the project in processes of their own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'vitest';
import { PROJECT_DIRECTORY } from '../../service/project.ts';

/** What a script printed, and how it ended. */
export interface EndedScript {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface StartedScript {
  readonly child: ChildProcess;
  /** What it has printed until now. */
  readonly printed: { readonly out: string; readonly err: string };
  readonly ended: Promise<EndedScript>;
}

/**
 * @param script its path in the project
 * @param environment beside that of this process
 */
export const startScript = (
  script: string,
  args: readonly string[] = [],
  environment: NodeJS.ProcessEnv = {},
): StartedScript => {
  const child = spawn(process.execPath, [join(PROJECT_DIRECTORY, script), ...args], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    printed.out += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk) => {
    printed.err += chunk;
  });
  const ended = new Promise<EndedScript>((resolve) => {
    child.once('close', (code) => resolve({ code, ...printed }));
  });
  return { child, printed, ended };
};

/** The reason, and one line on where to read what is allowed: nothing that scrolls the reason away. */
export const expectUsageError = ({ code, err }: EndedScript, reason: string, command: string): void => {
  const [said, help, ...more] = err.trim().split('\n');
  expect(said).toContain(reason);
  expect(help).toBe(`${command} -- --help shows what is allowed`);
  expect(more).toEqual([]);
  expect(code).toBe(2);
};
