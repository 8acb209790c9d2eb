/** Has a CDK app synthesized: in this process, or as the CDK command line does it, in a process of its own. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LOCAL_ACCOUNT_ID, REGION } from './account.ts';

/** A CDK `App`, as far as it is needed: nothing here loads aws-cdk-lib. */
export interface SynthesizableApp {
  synth(): { readonly directory: string };
}

/** How the CDK command line would synthesize an app. */
export interface AppCommand {
  /** The `app` command of cdk.json, for the shell; or a program with its arguments. */
  readonly command: string | readonly string[];
  /** The project's folder, in which the command runs. */
  readonly cwd: string;
  /** Settings as `-c name=value` would give them, beside those of cdk.json. @default - none */
  readonly context?: Readonly<Record<string, unknown>> | undefined;
}

/** Thrown when an app cannot be synthesized, with what it printed. */
export class SynthesisError extends Error {
  override readonly name = 'SynthesisError';
}

/** What a project's cdk.json says, as far as it is needed. */
export interface CdkJson {
  readonly app?: string;
  readonly context?: Readonly<Record<string, unknown>>;
}

/**
 * Reads the cdk.json of a project.
 *
 * @throws SynthesisError if there is none that can be read
 */
export const readCdkJson = (cwd: string): CdkJson => {
  const content = readJsonIfThere(cwd, 'cdk.json');
  if (content === undefined) {
    throw new SynthesisError(`${cwd} must be the folder of a CDK app: it holds no cdk.json`);
  }
  return content;
};

const readJsonIfThere = (cwd: string, name: string): Record<string, unknown> | undefined => {
  const file = join(cwd, name);
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new SynthesisError(`${file} must be JSON: ${error instanceof Error ? error.message : error}`);
  }
};

/** In Lambda no package.json stands above a bundle. Here the project's own could make its .js files ES modules. */
const expectCommonJs = (directory: string): void => {
  const file = join(directory, 'package.json');
  if (!existsSync(file)) writeFileSync(file, '{}');
};

/**
 * Synthesizes an app of this process.
 *
 * @returns the folder that it was synthesized into
 */
export const synthesizeApp = (app: SynthesizableApp): string => {
  const { directory } = app.synth();
  expectCommonJs(directory);
  return directory;
};

/** The settings that an app gets: of cdk.json, of what was looked up before, and those that are given. */
const contextOf = ({ cwd, context }: AppCommand): Record<string, unknown> => ({
  ...(readJsonIfThere(cwd, 'cdk.json') as CdkJson | undefined)?.context,
  ...readJsonIfThere(cwd, 'cdk.context.json'),
  ...context,
});

/**
 * Synthesizes an app by its command into a folder, which is emptied first. The app is told by the same environment variables
 * as by the CDK command line.
 *
 * @throws SynthesisError with what the app printed, if it refuses
 */
export const synthesizeByCommand = async (app: AppCommand, directory: string): Promise<void> => {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const settings = {
    cwd: app.cwd,
    env: {
      ...process.env,
      CDK_OUTDIR: directory,
      CDK_CONTEXT_JSON: JSON.stringify(contextOf(app)),
      CDK_DEFAULT_ACCOUNT: LOCAL_ACCOUNT_ID,
      CDK_DEFAULT_REGION: REGION,
    },
    stdio: ['ignore' as const, 'pipe' as const, 'pipe' as const],
  };
  const [program = '', ...args] = typeof app.command === 'string' ? [app.command] : app.command;
  const child = spawn(program, args, { ...settings, shell: typeof app.command === 'string' });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      printed += chunk;
    });
  }
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once('error', (error) => reject(new SynthesisError(`cannot run ${program}: ${error.message}`)));
    child.once('close', resolve);
  });
  expectCommonJs(directory);
  if (exitCode !== 0) throw new SynthesisError(printed.trim() || `the CDK app ended with exit code ${exitCode}`);
};
