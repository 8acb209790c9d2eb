/**
 * A file that tells programs where a running local runtime's parts are. One file is for one runtime at a time. What is in it
 * beside that is up to whoever starts the runtime.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { isAlive } from './data-directory.ts';
import { answers } from './engines.ts';

export interface RuntimeFile {
  readonly dynamodb: string;
  readonly sqs: string;
  /** The HTTP API, where the template has one. */
  readonly api: string | null;
  /**
   * Where Lambda and CloudWatch tell how far behind the readers are and which alarms are on; absent in a file of an older
   * version.
   */
  readonly eventSourceMappings?: string;
  /** Where each event is streamed as it is published; absent in a file of an older version, as the next two. */
  readonly events?: string;
  readonly secretsManager?: string;
  /** The outputs, as a deployed stack would tell them. */
  readonly outputs?: Readonly<Record<string, string>>;
  readonly pid: number;
}

/** How a runtime is announced. */
export interface Announcement {
  readonly file: string;
  /** Whether any file there may be written over. @default - only one that a runtime has written */
  readonly overwritesAny?: boolean;
  /** How the user names the file, for messages. */
  readonly nameOfFile: string;
  /** How a user would start a second runtime beside the first. */
  readonly startSecond: string;
}

/** Thrown when the file cannot be had, with the way out in the message. */
export class RuntimeFileError extends Error {
  override readonly name = 'RuntimeFileError';
}

/** A runtime that runs answers in no time; one on a busy machine may take a while. */
const TIME_TO_ANSWER_MS = 10_000;

/** A path for messages: as short as it can be from here. */
export const shownPath = (file: string): string => {
  const fromHere = relative(process.cwd(), file);
  return fromHere.startsWith('..') ? file : fromHere;
};

/** What the last runtime wrote, undefined if there is none. It may have been killed: only a request tells. */
export const readRuntimeFile = <Content extends RuntimeFile = RuntimeFile>(file: string): Content | undefined => {
  const content = read(file);
  return content === 'foreign' ? undefined : (content as Content | undefined);
};

const read = (file: string): RuntimeFile | 'foreign' | undefined => {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
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
export const expectFreeRuntimeFile = async ({
  file,
  overwritesAny,
  nameOfFile,
  startSecond,
}: Announcement): Promise<void> => {
  const content = read(file);
  if (content === 'foreign' && !overwritesAny) {
    throw new RuntimeFileError(`${nameOfFile} must name a new file or one of a runtime, got ${shownPath(file)}`);
  }
  if (content === undefined || content === 'foreign' || content.pid === process.pid || !isAlive(content.pid)) return;
  // The process may be another one by now that was given the same id.
  const { api, dynamodb, pid } = content;
  if (!(await answers(api ?? dynamodb, TIME_TO_ANSWER_MS))) return;
  throw new RuntimeFileError(
    [
      `a local runtime is running already: process ${pid}, at ${api ?? dynamodb}, as ${shownPath(file)} says. Either`,
      '  - use that one: the commands find it',
      `  - or stop it first: Ctrl-C where it runs, or kill ${pid}`,
      '  - or start a second one with a file and ports of its own:',
      `    ${startSecond}`,
    ].join('\n'),
  );
};

/** Writes the file: whoever reads it meanwhile finds the old one or the new one, whole. */
export const writeRuntimeFile = (file: string, content: RuntimeFile): void => {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.${process.pid}`, `${JSON.stringify(content, null, 2)}\n`);
  renameSync(`${file}.${process.pid}`, file);
};

/** Removes the file unless another runtime has written its own since. */
export const removeRuntimeFile = (file: string): void => {
  if (readRuntimeFile(file)?.pid === process.pid) rmSync(file, { force: true });
};
