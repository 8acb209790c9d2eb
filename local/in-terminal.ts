/** The local runtime in a terminal: what it prints while it runs, how Ctrl-C ends it, and which errors say all by their message. */
import { UsageError } from '../terminal/usage.ts';
import { AssemblyError } from './assembly.ts';
import { EngineError } from './engines.ts';
import { InvocationError } from './lambda-host.ts';
import { readableLogLine, terminalLine } from './log-lines.ts';
import { MissingPermissionError } from './permissions/judged-duties.ts';
import { RuntimeFileError } from './runtime-file.ts';
import type { LocalRuntime, RuntimeOptions } from './runtime-options.ts';
import { SynthesisError } from './synth.ts';
import { UnsupportedTemplateError } from './template.ts';

const lineNow = (who: string, text: string): string => terminalLine(new Date().toISOString(), who, text);

/** Prints what is logged and published, alarms and problems, a line each. */
export const PRINTED: Required<Pick<RuntimeOptions, 'onLogLine' | 'onEvent' | 'onAlarm' | 'onProblem'>> = {
  onLogLine: (logicalId, line) => {
    const readable = readableLogLine(logicalId, line);
    if (readable !== undefined) console.log(readable);
  },
  onEvent: ({ time, 'detail-type': type, detail }) =>
    console.log(terminalLine(time, 'event', `${type} ${JSON.stringify(detail)}`)),
  onAlarm: ({ name, state, description }) =>
    console.log(lineNow('alarm', `${name} ${state === 'ALARM' ? `is on: ${description}` : 'is off again'}`)),
  onProblem: (problem) => console.error(lineNow('runtime', problem)),
};

/** Ends the process when it is told to, after the runtime: a second Ctrl-C does not wait for that. */
export const stopOnCtrlC = (runtime: Pick<LocalRuntime, 'stop'>): void => {
  let stopping = false;
  const stop = async (): Promise<void> => {
    if (stopping) process.exit(130);
    stopping = true;
    console.log('\nStopping: batches in flight finish (Ctrl-C again to leave at once)…');
    await runtime.stop();
    console.log('Stopped.');
    process.exit(0);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
};

/** Errors whose message says all: what the user can do about them, not where they came from. */
const EXPECTED = [
  UsageError,
  AssemblyError,
  EngineError,
  InvocationError,
  MissingPermissionError,
  RuntimeFileError,
  SynthesisError,
  UnsupportedTemplateError,
];

/** What a user is told of an error that ended the program. */
export const errorInWords = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  const isExpected = EXPECTED.some((known) => error instanceof known);
  return isExpected ? error.message : (error.stack ?? error.message);
};
