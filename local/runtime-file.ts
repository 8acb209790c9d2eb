/**
 * `.local/runtime.json` in the project's folder, or the file that the variable RUNTIME_FILE names: tells programs where the
 * running local runtime's parts are. One file is for one runtime at a time.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { isAlive } from './data-directory.ts';
import { answers } from './engines.ts';
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
  /**
   * Where Lambda and CloudWatch tell how far behind the readers are and which alarms are on; absent in a file of an older
   * version.
   */
  readonly eventSourceMappings?: string;
  /** Where each event is streamed as it is published; absent in a file of an older version, as the next two. */
  readonly events?: string;
  readonly secretsManager?: string;
  /** The template's outputs, as a deployed stack would tell them. */
  readonly outputs?: Readonly<Record<string, string>>;
  readonly pid: number;
}

/** Thrown when the file cannot be had, with the way out in the message. */
export class RuntimeFileError extends Error {
  override readonly name = 'RuntimeFileError';
}

/** A runtime that runs answers in no time; one on a busy machine may take a while. */
const TIME_TO_ANSWER_MS = 10_000;
const DEFAULT_FILE = join(PROJECT_DIRECTORY, '.local', 'runtime.json');

const runtimeFile = (): string => (process.env.RUNTIME_FILE ? resolve(process.env.RUNTIME_FILE) : DEFAULT_FILE);

/** The file's path for messages: as short as it can be from here. */
export const shownRuntimeFile = (): string => {
  const fromHere = relative(process.cwd(), runtimeFile());
  return fromHere.startsWith('..') ? runtimeFile() : fromHere;
};

/** What the last runtime wrote, undefined if there is none. It may have been killed: only a request tells. */
export const readRuntimeFile = (): RuntimeFile | undefined => {
  const content = read();
  return content === 'foreign' ? undefined : content;
};

const read = (): RuntimeFile | 'foreign' | undefined => {
  let text: string;
  try {
    text = readFileSync(runtimeFile(), 'utf8');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : 'foreign';
  }
  try {
    const content = JSON.parse(text);
    const isOurs = typeof content?.dynamodb === 'string' && typeof content.sqs === 'string' && content.pid > 0;
    return isOurs ? content : 'foreign';
  } catch {
    return 'foreign';
  }
};

/**
 * Makes sure that the file is free for this process.
 *
 * @throws RuntimeFileError if another runtime has it and answers, or if it is no runtime's file
 */
export const expectFreeRuntimeFile = async (): Promise<void> => {
  const content = read();
  if (content === 'foreign' && runtimeFile() !== DEFAULT_FILE) {
    throw new RuntimeFileError(`RUNTIME_FILE must name a new file or one of a runtime, got ${shownRuntimeFile()}`);
  }
  if (content === undefined || content === 'foreign' || content.pid === process.pid || !isAlive(content.pid)) return;
  // The process may be another one by now that was given the same id.
  const { api, dynamodb, pid } = content;
  if (!(await answers(api ?? dynamodb, TIME_TO_ANSWER_MS))) return;
  throw new RuntimeFileError(
    [
      `a local runtime is running already: process ${pid}, at ${api ?? dynamodb}, as ${shownRuntimeFile()} says. Either`,
      '  - use that one: the commands find it',
      `  - or stop it first: Ctrl-C where it runs, or kill ${pid}`,
      '  - or start a second one with a file and ports of its own:',
      '    RUNTIME_FILE=.local/second.json PORT=0 DYNAMODB_PORT=0 SQS_PORT=0 npm start',
    ].join('\n'),
  );
};

/** Writes the file: whoever reads it meanwhile finds the old one or the new one, whole. */
export const writeRuntimeFile = (content: RuntimeFile): void => {
  const file = runtimeFile();
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.${process.pid}`, `${JSON.stringify(content, null, 2)}\n`);
  renameSync(`${file}.${process.pid}`, file);
};

/** Removes the file unless another runtime has written its own since. */
export const removeRuntimeFile = (): void => {
  if (readRuntimeFile()?.pid === process.pid) rmSync(runtimeFile(), { force: true });
};
