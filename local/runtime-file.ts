/**
 * `.local/runtime.json` in the project's folder, or the file that RUNTIME_FILE names: tells programs where the running local
 * runtime's parts are.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PROJECT_DIRECTORY } from './synth.ts';

export interface RuntimeFile {
  readonly dynamodb: string;
  readonly sqs: string;
  /** The HTTP API, where the template has one. */
  readonly api: string | null;
  readonly bookingsTable: string;
  /** The bookings table's tags, which not every engine keeps. Absent from files that version 0.1.0 wrote. */
  readonly tags?: Readonly<Record<string, string>>;
  readonly timerQueueUrl: string;
  readonly timerDeadLetterQueueUrl: string;
  readonly pid: number;
}

export const RUNTIME_FILE = process.env.RUNTIME_FILE || join(PROJECT_DIRECTORY, '.local', 'runtime.json');

export const writeRuntimeFile = (content: RuntimeFile): void => {
  mkdirSync(dirname(RUNTIME_FILE), { recursive: true });
  writeFileSync(RUNTIME_FILE, `${JSON.stringify(content, null, 2)}\n`);
};

/** What the last runtime wrote, undefined if there is none. It may have been killed: only a request tells. */
export const readRuntimeFile = (): RuntimeFile | undefined => {
  try {
    return JSON.parse(readFileSync(RUNTIME_FILE, 'utf8'));
  } catch {
    return undefined;
  }
};

/** Removes the file unless another runtime has written its own since. */
export const removeRuntimeFile = (): void => {
  if (readRuntimeFile()?.pid === process.pid) rmSync(RUNTIME_FILE, { force: true });
};
