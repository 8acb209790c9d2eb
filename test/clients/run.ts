/**
 * `npm run test:clients`: whether the document of the HTTP API is one that others can work with. Two linters read it; a client
 * in TypeScript and one in Python are generated from it, type-checked and used against the service on this machine.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Authorization, openApiDocument } from '../../functions/api/openapi.ts';
import { PROJECT_DIRECTORY, synthesize } from '../../service/project.ts';
import { startOwnRuntime } from '../../service/service.ts';
import { endIfUsage, parseOptions } from '../../terminal/usage.ts';

const USAGE = `Usage: npm run test:clients -- [options]

Reads the OpenAPI document with Spectral and Redocly, generates clients from it with openapi-typescript and with
openapi-python-client, type-checks them (tsc, mypy), and uses them against the service on this machine.
Needs its tools: npm ci --prefix test/clients/tools
and Python 3.10 or later: its packages go into a virtual environment in .local, from PyPI.

  --if-possible  leave out what is not installed, and say so
  -h, --help     this text

Exit codes: 0 all is right; 1 something is wrong, or a tool is missing; 2 wrong usage.`;

const HERE = fileURLToPath(new URL('.', import.meta.url));
const TOOLS = join(HERE, 'tools/node_modules');
/** Below the tools, so that what is generated finds them. */
const WORK = join(TOOLS, '.generated');
const PYTHON = join(PROJECT_DIRECTORY, '.local', 'clients-python');
const ASSEMBLY = join(PROJECT_DIRECTORY, '.local', 'clients-assembly');

/** What books, pays, extends, lists and deletes through the client that openapi-typescript gives types to. */
const PROGRAM = `
import assert from 'node:assert/strict';
import createClient from 'openapi-fetch';
import type { components, paths } from './api.js';

const [url = '', prefix = ''] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl: url });
const header = { 'Idempotency-Key': prefix };
const body = { bookingId: prefix, holdSeconds: 600, customerId: prefix, details: { seat: '7A' } };
const path = { bookingId: prefix };

const created = await client.POST('/api/v1/bookings', { body, params: { header } });
const booking: components['schemas']['Booking'] | undefined = created.data;
assert.equal(created.response.status, 201);
assert.equal(booking?.details?.seat, '7A');
const again = await client.POST('/api/v1/bookings', { body, params: { header } });
assert.deepEqual(again.data, booking);

const invalid = await client.POST('/api/v1/bookings', { body: { holdSeconds: 0 } });
assert.equal(invalid.error && 'errors' in invalid.error && invalid.error.errors[0]?.pointer, '/holdSeconds');

const etag = created.response.headers.get('etag') ?? '';
const extend = (holdSeconds: number) =>
  client.POST('/api/v1/bookings/{bookingId}/extend', {
    params: { path, header: { 'If-Match': etag } },
    body: { holdSeconds },
  });
assert.equal((await extend(900)).response.status, 200);
assert.equal((await extend(999)).response.status, 412);

const held = await client.DELETE('/api/v1/bookings/{bookingId}', { params: { path } });
assert.equal(held.error && 'found' in held.error && held.error.found, 'PENDING');
const paid = await client.POST('/api/v1/bookings/{bookingId}/confirm', { params: { path } });
assert.equal(paid.data?.status, 'CONFIRMED');
const list = await client.GET('/api/v1/bookings', { params: { query: { customerId: prefix, status: 'CONFIRMED' } } });
assert.deepEqual(list.data?.bookings.map(({ bookingId }) => bookingId), [prefix]);
assert.equal((await client.DELETE('/api/v1/bookings/{bookingId}', { params: { path } })).response.status, 204);
assert.equal((await client.GET('/api/v1/bookings/{bookingId}', { params: { path } })).response.status, 404);
console.log('ok');
`;

const TSCONFIG = {
  compilerOptions: {
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2023', 'dom', 'dom.iterable'],
    types: ['node'],
    typeRoots: [join(PROJECT_DIRECTORY, 'node_modules/@types')],
    skipLibCheck: true,
    outDir: 'out',
  },
  files: ['program.ts'],
};

/** Runs a program, showing what it prints. @returns whether it is content */
const run = async (what: string, command: string, args: readonly string[], cwd = WORK): Promise<boolean> => {
  console.log(`\n${what}`);
  // Not spawnSync: the service that the program asks is run by this process.
  const [code] = (await once(spawn(command, args, { cwd, stdio: 'inherit' }), 'exit')) as [number | null];
  if (code !== 0) console.log(`${what}: FAILED`);
  return code === 0;
};
/** Runs one step after another while they are content. */
const inOrder = async (...steps: (() => Promise<boolean>)[]): Promise<boolean> => {
  for (const step of steps) if (!(await step())) return false;
  return true;
};
const tool = (name: string): string => join(TOOLS, '.bin', name);
const python = (name: string): string => join(PYTHON, 'bin', name);

/** The document of each kind of deployment. Their clients differ only in how requests are authorized. */
const AUTHORIZATIONS: Readonly<Record<string, Authorization>> = {
  iam: { kind: 'iam' },
  jwt: { kind: 'jwt', issuer: 'https://login.example.com/', scope: 'bookings/manage' },
};

const lint = async (): Promise<boolean> => {
  const names = ['local', ...Object.keys(AUTHORIZATIONS)].map((name) => `${name}.json`);
  for (const [name, authorization] of Object.entries(AUTHORIZATIONS)) {
    const document = openApiDocument({
      serverUrl: 'https://abc123.execute-api.eu-central-1.amazonaws.com',
      authorization,
    });
    writeFileSync(join(WORK, `${name}.json`), JSON.stringify(document));
  }
  const spectral = ['lint', '--fail-severity=hint', '-r', join(HERE, 'spectral.yaml'), ...names];
  const redocly = ['lint', `--config=${join(HERE, 'redocly.yaml')}`, ...names];
  const isRight = await run('Spectral', tool('spectral'), spectral);
  return (await run('Redocly', tool('redocly'), redocly)) && isRight;
};

const tryTypeScript = (url: string): Promise<boolean> => {
  writeFileSync(join(WORK, 'program.ts'), PROGRAM);
  writeFileSync(join(WORK, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(WORK, 'tsconfig.json'), JSON.stringify(TSCONFIG));
  return inOrder(
    () => run('openapi-typescript', tool('openapi-typescript'), ['local.json', '-o', 'api.ts']),
    () => run('tsc', tool('tsc'), ['-p', '.']),
    () => run('The client in TypeScript', process.execPath, ['out/program.js', url, `ts-${Date.now()}`]),
  );
};

const tryPython = (url: string): Promise<boolean> => {
  cpSync(join(HERE, 'use_client.py'), join(WORK, 'use_client.py'));
  const generate = ['generate', '--path', 'local.json', '--output-path', 'generated', '--meta', 'none'];
  return inOrder(
    () => run('openapi-python-client', python('openapi-python-client'), generate),
    () => run('mypy', python('mypy'), ['--strict', 'generated', 'use_client.py']),
    () => run('The client in Python', python('python'), ['use_client.py', url, `py-${Date.now()}`]),
  );
};

/** @returns what is missing, in words; undefined if nothing is */
const missingPython = async (): Promise<string | undefined> => {
  const isThere = (): boolean => ['openapi-python-client', 'mypy'].every((name) => existsSync(python(name)));
  if (isThere()) return undefined;
  const version = 'import sys; sys.exit(0 if sys.version_info >= (3, 10) else 1)';
  if (spawnSync('python3', ['-c', version]).status !== 0) return 'there is no Python 3.10 or later (python3)';
  const install = ['install', '-q', '-r', join(HERE, 'requirements.txt')];
  const isMade = await inOrder(
    () => run('Virtual environment', 'python3', ['-m', 'venv', PYTHON], PROJECT_DIRECTORY),
    () => run('Packages from PyPI', python('pip'), install, PROJECT_DIRECTORY),
  );
  return isMade && isThere() ? undefined : 'its packages could not be installed from PyPI';
};

/** @param mayLeaveOut whether what is not installed is no failure */
const check = async (mayLeaveOut: boolean): Promise<boolean> => {
  if (!existsSync(tool('spectral'))) {
    console.error('test:clients: its tools are not installed: npm ci --prefix test/clients/tools');
    return mayLeaveOut;
  }
  const withoutPython = await missingPython();
  rmSync(WORK, { recursive: true, force: true });
  mkdirSync(WORK, { recursive: true });
  await synthesize(ASSEMBLY);
  const runtime = await startOwnRuntime({ assemblyDirectory: ASSEMBLY, schedulePeriodMs: 'never' });
  try {
    const url = runtime.outputs.ApiUrl ?? '';
    writeFileSync(join(WORK, 'local.json'), await (await fetch(`${url}/api/v1/openapi.json`)).text());
    const answers = [await lint(), await tryTypeScript(url)];
    if (withoutPython === undefined) answers.push(await tryPython(url));
    else console.error(`test:clients: the client in Python is left out: ${withoutPython}`);
    return answers.every(Boolean) && (withoutPython === undefined || mayLeaveOut);
  } finally {
    await runtime.stop();
  }
};

try {
  const { values } = parseOptions({
    options: {
      'if-possible': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) console.log(USAGE);
  else {
    const isRight = await check(values['if-possible']);
    console.log(isRight ? '\ntest:clients: all is right' : '\ntest:clients: something is wrong');
    process.exit(isRight ? 0 : 1);
  }
} catch (error) {
  endIfUsage('test:clients', error);
}
