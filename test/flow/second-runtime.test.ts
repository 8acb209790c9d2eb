/** `npm start` twice in one folder, and commands that find the one that is meant: in processes of their own. */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { eventually } from '../support/lambda.ts';
import { startScript } from '../support/script.ts';

const directory = mkdtempSync(join(tmpdir(), 'booking-expiry-'));
const running = new Set<ChildProcess>();
afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

const start = (script: string, runtimeFile: string, args: string[] = [], port = '0') => {
  const started = startScript(script, args, {
    RUNTIME_FILE: runtimeFile,
    PORT: '0',
    DYNAMODB_ENDPOINT: '',
    DYNAMODB_PORT: port,
    SQS_ENDPOINT: '',
    SQS_PORT: '0',
  });
  running.add(started.child);
  void started.ended.then(() => running.delete(started.child));
  return started;
};
const startRuntime = async (runtimeFile: string) => {
  const runtime = start('service/start.ts', runtimeFile);
  await eventually(
    () => runtime.printed,
    ({ out, err }) => out.includes('booking-expiry is running') || err !== '',
    60_000,
  );
  return { ...runtime, found: JSON.parse(readFileSync(runtimeFile, 'utf8')) };
};

test('a second npm start leaves the first one’s file alone, unless it has a file of its own', async () => {
  const [firstFile, secondFile] = [join(directory, 'first.json'), join(directory, 'second.json')];
  const first = await startRuntime(firstFile);
  // On the same port, as both have by default: the reason is the first one, not its port.
  const refused = await start('service/start.ts', firstFile, [], new URL(first.found.dynamodb).port).ended;
  expect(refused.err).toContain(`a local runtime is running already: process ${first.child.pid}`);
  expect(refused.code).toBe(1);
  expect(JSON.parse(readFileSync(firstFile, 'utf8'))).toEqual(first.found);

  const second = await startRuntime(secondFile);
  expect(second.found.dynamodb).not.toBe(first.found.dynamodb);
  await start('commands/bookings.ts', secondFile, ['create', 'in-the-second', '--hold-seconds', '600']).ended;
  expect((await start('commands/bookings.ts', secondFile, ['get', 'in-the-second']).ended).code).toBe(0);
  expect((await start('commands/bookings.ts', firstFile, ['get', 'in-the-second']).ended).err).toContain('no booking');
  const status = JSON.parse((await start('commands/status.ts', secondFile, ['--json']).ended).out);
  expect(status.readers.map(({ reads, state }: Record<string, string>) => `${reads} ${state}`).sort()).toEqual([
    'stream Enabled',
    'stream Enabled',
    'timers Enabled',
  ]);

  second.child.kill('SIGTERM');
  expect((await second.ended).code).toBe(0);
  const gone = await start('commands/bookings.ts', secondFile, ['list']).ended;
  expect(gone.err).toContain('no local runtime is running');
  expect(gone.err).toContain(secondFile);
  expect((await start('commands/bookings.ts', firstFile, ['list']).ended).code).toBe(0);
  first.child.kill('SIGTERM');
  expect((await first.ended).code).toBe(0);
}, 180_000);
