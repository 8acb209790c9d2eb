/** A service for the tests of the page, in a process of its own: `npm start`, as people start it. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestProject } from 'vitest/node';
import { PROJECT_DIRECTORY, synthesize } from '../../service/project.ts';
import { type StartedScript, startScript } from '../support/script.ts';

/** Where a running service is. */
export interface RunningService {
  readonly api: string;
  readonly dynamodb: string;
  readonly bookingsTable: string;
}

export interface StartedService extends RunningService {
  /** Kills it, as a power cut would: nothing is said to anybody. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** Longest that a start is waited for, ms: a slow machine synthesizes for a while. */
const PATIENCE_MS = 240_000;

/** Where the app is synthesized to, with the page. */
export const PAGE_ASSEMBLY = join(PROJECT_DIRECTORY, '.local', 'page-assembly');

/** As people start it, or from the app that is synthesized already. */
const SCRIPTS = {
  'npm start': { file: 'service/start.ts', args: ['--sweep-every', 'never'] },
  quickly: { file: 'test/page/service-process.ts', args: [] },
};

/** @param environment beside free ports; `PORT` for one that is known before */
export const startService = async (
  environment: NodeJS.ProcessEnv = {},
  how: keyof typeof SCRIPTS = 'quickly',
): Promise<StartedService> => {
  const directory = mkdtempSync(join(tmpdir(), 'page-test-'));
  const file = join(directory, 'runtime.json');
  const ports = { PORT: '0', DYNAMODB_PORT: '0', SQS_PORT: '0' };
  const script = startScript(SCRIPTS[how].file, SCRIPTS[how].args, {
    ...ports,
    RUNTIME_FILE: file,
    ...environment,
  });
  const running = await untilRunning(file, script);
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    script.child.kill(signal);
    await script.ended;
    rmSync(directory, { recursive: true, force: true });
  };
  return { ...running, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') };
};

const untilRunning = async (file: string, { child, printed }: StartedScript): Promise<RunningService> => {
  const untilMs = performance.now() + PATIENCE_MS;
  while (performance.now() < untilMs && child.exitCode === null) {
    try {
      return JSON.parse(readFileSync(file, 'utf8'));
    } catch {
      await sleep(100);
    }
  }
  child.kill();
  throw new Error(`npm start has not come up:\n${printed.out}${printed.err}`);
};

declare module 'vitest' {
  interface ProvidedContext {
    service: RunningService;
  }
}

/** One service for all files that harm it in no way. */
export default async ({ provide }: TestProject): Promise<() => Promise<void>> => {
  const { stop, kill: _, ...service } = await startService({}, 'npm start');
  await synthesize(PAGE_ASSEMBLY, { page: 'true' });
  provide('service', service);
  return stop;
};
