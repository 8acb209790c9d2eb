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

/**
 * Settings of a CDK app, as `-c name=value` gives them.
 *
 * @throws UsageError for what is no name with a value
 */
export const contextFrom = (settings: readonly string[] = []): Record<string, string> =>
  Object.fromEntries(
    settings.map((setting) => {
      const [name, value] = setting.split(/=(.*)/s);
      if (!name || value === undefined) throw new UsageError(`--context must be name=value, got ${setting}`);
      return [name, value];
    }),
  );

/**
 * A port.
 *
 * @param name how the user gives it: an option or a variable
 * @throws UsageError for what is no port
 */
export const portFrom = (name: string, value: string | undefined, fallback: number): number => {
  if (value === undefined) return fallback;
  if (!/^\d+$/.test(value) || Number(value) > 65_535) {
    throw new UsageError(`${name} must be a port from 0 to 65535, got ${value}`);
  }
  return Number(value);
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
