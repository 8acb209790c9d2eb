/** What a user typed wrong: every command tells it alike, with the reason and where to read what is allowed. */
import { type ParseArgsConfig, parseArgs } from 'node:util';

/** Thrown for what the user typed wrong; the command ends with exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Exit code for wrong usage. */
export const WRONG_USAGE = 2;

/**
 * Reads the command line.
 *
 * @throws UsageError for an option or an argument that is not known, or without its value
 */
export const parseOptions = <Config extends ParseArgsConfig>(config: Config) => {
  try {
    return parseArgs(config);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
};

/** The line that follows the reason, for a program that is not run by npm. */
export const seeHelpOf = (program: string): string => `${program} --help shows what is allowed`;

/** The line that follows the reason. */
export const seeHelp = (command: string): string => `${command} -- --help shows what is allowed`;

/** Ends the process if this is wrong usage, with the reason and where to read what is allowed; else throws it on. */
export const endIfUsage = (name: string, error: unknown): never => {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${name}: ${error.message}\n${seeHelp(`npm run ${name}`)}`);
  process.exit(WRONG_USAGE);
};
