/** Porcupine, by a program in Go beside this file that knows the rules of slots. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { LOCAL_DIRECTORY, PROJECT_DIRECTORY } from '../../service/project.ts';
import type { Call } from '../slot-histories/explain.ts';
import type { OutsideTool } from '../support/outside-tool.ts';

const SOURCE = join(PROJECT_DIRECTORY, 'test/checker/porcupine');
const MODULE = 'github.com/anishathalye/porcupine';

/** The Go that is there, and not another that it would fetch. */
export const useGo = (): void => {
  process.env.GOTOOLCHAIN = 'local';
};

/** Looked for together with the module: what is not in Go's cache comes from its proxy. */
export const GO: OutsideTool = {
  command: 'go',
  name: `go (1.24 or later, with ${MODULE} from its module proxy or cache)`,
  install: 'https://go.dev/doc/install; then, with the network there, npm run test:checker',
  probe: ['-C', SOURCE, 'list', '-f', '{{.Module}}', MODULE],
  timeoutMs: 120_000,
};

/** @returns the path of the program. @throws Error if it does not compile */
export const buildChecker = (): string => {
  const directory = join(LOCAL_DIRECTORY, 'checker');
  mkdirSync(directory, { recursive: true });
  const program = join(directory, process.platform === 'win32' ? 'checker.exe' : 'checker');
  const { status, stderr, error } = spawnSync('go', ['-C', SOURCE, 'build', '-o', program, '.'], {
    encoding: 'utf8',
    timeout: 300_000,
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`the checker does not compile:\n${stderr}`);
  return program;
};

export interface NamedRace {
  readonly name: string;
  readonly calls: readonly Call[];
}

/** Ok: it can have happened. Unknown: there was not enough time to tell. */
export type Verdict = 'Ok' | 'Illegal' | 'Unknown';

/** Whole numbers, as porcupine takes them; a call without an answer has none. */
const NS_PER_MS = 1e6;
const lineOf = ({ name, calls }: NamedRace): string =>
  JSON.stringify({
    name,
    calls: calls.map(({ told, calledAt, answeredAt, ...call }) => ({
      ...call,
      told: told ?? null,
      calledAt: Math.round(calledAt * NS_PER_MS),
      answeredAt: Number.isFinite(answeredAt) ? Math.round(answeredAt * NS_PER_MS) : null,
    })),
  });

/** What porcupine says of each race, in their order. @throws Error if it does not say it within ten minutes */
export const judge = async (program: string, races: readonly NamedRace[]): Promise<Verdict[]> => {
  const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'], timeout: 600_000 });
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => {
    printed += chunk;
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  child.stdin.end(races.map((race) => `${lineOf(race)}\n`).join(''));
  const code = await ended;
  const verdicts = printed
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { result: Verdict }).result);
  if (code !== 0 || verdicts.length !== races.length) throw new Error(`the checker ended with ${code}:\n${printed}`);
  return verdicts;
};
