/** `npm run test:django`: the example project's own tests, the guide's code, and the project with the real local service. */
import { join } from 'node:path';
import { checkWith } from '../support/outside-tool.ts';
import { playEndToEnd } from './end-to-end.ts';
import { runGuide } from './guide.ts';
import { killAll, run } from './processes.ts';
import { PYTHON, virtualEnvironment } from './python.ts';

const unitTests = async (programs: string): Promise<boolean> => {
  const environment = { DEBUG: '1', DATABASE_URL: process.env.DJANGO_DATABASE_URL ?? '' };
  const python = join(programs, 'python');
  let right = true;
  for (const args of [
    ['manage.py', 'check', '--fail-level', 'WARNING'],
    ['manage.py', 'makemigrations', '--check', '--dry-run'],
    ['manage.py', 'test', '--no-input'],
  ]) {
    const { code, printed } = await run(python, args, environment);
    console.log(
      `${code === 0 ? 'right' : 'WRONG'}  ${args.join(' ')}: ${/Ran .*/.exec(printed)?.[0] ?? printed.trim().split('\n').at(-1)}`,
    );
    if (code !== 0) console.log(printed);
    right &&= code === 0;
  }
  return right;
};

/** What is run, by the names that tell how long each took. */
const PARTS = { 'the example’s tests': unitTests, 'the guide': runGuide, 'end to end': playEndToEnd };

const testAll = async (): Promise<boolean> => {
  process.on('exit', killAll);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  const programs = virtualEnvironment();
  let right = true;
  for (const [name, part] of Object.entries(PARTS)) {
    const startedAtMs = Date.now();
    right = (await part(programs)) && right;
    console.log(`${name}: ${Math.round((Date.now() - startedAtMs) / 1_000)} s\n`);
  }
  return right;
};

await checkWith(
  'test:django',
  'Makes a virtual environment in .local/django and runs docs/examples/django and docs/from-django.md with the local service.',
  PYTHON,
  testAll,
);
