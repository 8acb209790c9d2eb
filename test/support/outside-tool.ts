/** Checks by a program that does not come with `npm ci`: where it is missing, they say what to install, and never pass unseen. */
import { spawnSync } from 'node:child_process';
import { endIfUsage, parseOptions } from '../../terminal/usage.ts';

export interface OutsideTool {
  /** What it is called by; looked for in the PATH. */
  readonly command: string;
  /** How to get it, as one command line. */
  readonly install: string;
  /** What it is called in messages. @default - the command */
  readonly name?: string;
  /** Arguments with which it says its version, and fails if it is not good enough. @default - --version */
  readonly probe?: readonly string[];
  /** How long it may take to say so, ms. @default - as long as it takes */
  readonly timeoutMs?: number;
}

/** What the tool says of its version; undefined if it is not there. */
const versionOf = ({ command, probe = ['--version'], timeoutMs }: OutsideTool): string | undefined => {
  const { error, status, stdout, stderr } = spawnSync(command, probe, { encoding: 'utf8', timeout: timeoutMs });
  return error === undefined && status === 0 ? (stdout || stderr).trim() : undefined;
};

const usageOf = (
  name: string,
  about: string,
  { command, install, name: tool = command }: OutsideTool,
): string => `Usage: npm run ${name} -- [options]

${about} Needs ${tool} in the PATH: ${install}

  --if-possible  where ${tool} is missing, says so, checks nothing and ends with exit code 0: for CI
  -h, --help     this text

Exit codes: 0 all is right; 1 something is wrong, or ${tool} is missing; 2 wrong usage.`;

/**
 * Runs a command that checks something by a tool, to its exit code.
 *
 * @param name of the npm script
 * @param about what it checks, a sentence
 * @param check does it and says so; returns whether all is right
 */
export const checkWith = async (
  name: string,
  about: string,
  tool: OutsideTool,
  check: () => Promise<boolean>,
): Promise<void> => {
  try {
    const { values } = parseOptions({
      options: {
        'if-possible': { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) {
      console.log(usageOf(name, about, tool));
      return;
    }
    const version = versionOf(tool);
    if (version !== undefined) {
      console.log(version);
      process.exitCode = (await check()) ? 0 : 1;
      return;
    }
    const missing = `${tool.name ?? tool.command} is not in the PATH; to install it: ${tool.install}`;
    if (values['if-possible']) {
      console.log(`${name} is left out: ${missing}`);
      return;
    }
    console.error(`${name}: ${missing}`);
    process.exitCode = 1;
  } catch (error) {
    endIfUsage(name, error);
  }
};
