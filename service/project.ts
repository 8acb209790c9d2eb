/** This project's folder, and its own CDK app. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type AppCommand, synthesizeByCommand } from '../local/synth.ts';

/** The project's folder. */
export const PROJECT_DIRECTORY = fileURLToPath(new URL('..', import.meta.url));

/** Where everything is kept that runs here and is not deployed. */
export const LOCAL_DIRECTORY = join(PROJECT_DIRECTORY, '.local');

/** The command of cdk.json, by the Node that runs this. */
export const APP_COMMAND: readonly string[] = [process.execPath, join(PROJECT_DIRECTORY, 'bin/booking-expiry.ts')];

/**
 * Synthesizes the app into a folder, which is emptied first.
 *
 * @param context settings as `-c name=value` would give them
 * @throws SynthesisError with what the app printed, if it refuses
 */
export const synthesize = (directory: string, context?: AppCommand['context']): Promise<void> =>
  synthesizeByCommand({ command: APP_COMMAND, cwd: PROJECT_DIRECTORY, context }, directory);
