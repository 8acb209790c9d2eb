/** Where the embedded DynamoDB's file lies, and that nothing of it is left when it has ended, however it ended. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { placeDatabase } from '../../local/database-place.ts';
import { startDynamoDb } from '../../local/engines.ts';
import { PROJECT_DIRECTORY } from '../../service/project.ts';
import { eventually } from '../support/lambda.ts';
import { testTable } from '../support/streamed-table.ts';

let memoryFolder: string;
let temporary: string;
beforeEach(() => {
  memoryFolder = mkdtempSync(join(tmpdir(), 'booking-expiry-'));
  temporary = mkdtempSync(join(tmpdir(), 'booking-expiry-'));
  vi.stubEnv('TMPDIR', temporary);
});
afterEach(() => {
  vi.unstubAllEnvs();
  for (const folder of [memoryFolder, temporary]) rmSync(folder, { recursive: true, force: true });
});

describe('the file', () => {
  test('lies in memory, where only its owner can read it', () => {
    const { file, temporaryDirectory = '' } = placeDatabase(undefined, memoryFolder) ?? {};
    expect(file).toBe(join(temporaryDirectory, 'dynamodb.sqlite'));
    expect(readdirSync(memoryFolder).map((name) => join(memoryFolder, name))).toEqual([temporaryDirectory]);
    expect(statSync(temporaryDirectory).mode & 0o777).toBe(0o700);
  });

  test('lies among temporary files where there is no such file system', () => {
    const { temporaryDirectory = '' } = placeDatabase(undefined, join(memoryFolder, 'none')) ?? {};
    expect(readdirSync(temporary).map((name) => join(temporary, name))).toEqual([temporaryDirectory]);
  });

  test('lies among temporary files where that in memory is small, as in many containers', () => {
    // 64 MB are free, say.
    const { temporaryDirectory = '' } = placeDatabase(undefined, memoryFolder, () => 64 * 1024 ** 2) ?? {};
    expect(temporaryDirectory).toContain(temporary);
    expect(placeDatabase(undefined, memoryFolder, () => 1024 ** 3)?.temporaryDirectory).toContain(memoryFolder);
  });

  test('lies in the data folder if one was given, and stays there', async () => {
    const dataDir = join(memoryFolder, 'data');
    const first = await startDynamoDb({ port: 0, portVariable: 'PORT', dataDir, memoryFolder });
    await (await testTable(first.endpoint, 'kept')).put(2);
    await first.stop();
    expect(readdirSync(memoryFolder)).toEqual(['data']);
    const second = await startDynamoDb({ port: 0, portVariable: 'PORT', dataDir, memoryFolder });
    expect(await (await testTable(second.endpoint, 'kept')).read()).toEqual([1, 2]);
    await second.stop();
  });
});

describe('what lies in memory or among temporary files', () => {
  test.each(['in memory', 'among temporary files'])('%s is gone when the engine is stopped', async (where) => {
    const folder = where === 'in memory' ? memoryFolder : join(memoryFolder, 'none');
    const engine = await startDynamoDb({ port: 0, portVariable: 'PORT', memoryFolder: folder });
    await (await testTable(engine.endpoint, 'table')).put(1);
    expect([...readdirSync(memoryFolder), ...readdirSync(temporary)]).toHaveLength(1);
    await engine.stop();
    expect([...readdirSync(memoryFolder), ...readdirSync(temporary)]).toEqual([]);
  });

  test('is gone when an engine could not be started', async () => {
    const first = await startDynamoDb({ port: 0, portVariable: 'PORT', memoryFolder });
    const port = Number(new URL(first.endpoint).port);
    await expect(startDynamoDb({ port, portVariable: 'PORT', memoryFolder })).rejects.toThrow('in use');
    await first.stop();
    expect(readdirSync(memoryFolder)).toEqual([]);
  });

  test('is gone after a kill -9 of the process that started the engine', async () => {
    const script = `
      const { startDynamoDb } = await import('${join(PROJECT_DIRECTORY, 'local/engines.ts')}');
      await startDynamoDb({ port: 0, portVariable: 'PORT', memoryFolder: process.argv[1] });
      console.log('started');
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, memoryFolder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    expect(readdirSync(memoryFolder)).toHaveLength(1);
    child.kill('SIGKILL');
    await eventually(
      () => readdirSync(memoryFolder),
      (names) => names.length === 0,
    );
  });

  test('of a process that is gone is removed by the next one; that of one that runs is not', async () => {
    const gone = spawn('true');
    await once(gone, 'exit');
    const [abandoned, used, foreign] = [`local-dynamodb-${gone.pid}-a`, `local-dynamodb-${process.pid}-b`, 'other-1-c'];
    for (const name of [abandoned, used, foreign]) mkdirSync(join(memoryFolder, name));
    placeDatabase(undefined, memoryFolder);
    expect([abandoned, used, foreign].map((name) => existsSync(join(memoryFolder, name)))).toEqual([false, true, true]);
  });
});
