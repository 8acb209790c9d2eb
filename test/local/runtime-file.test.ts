import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type LoopbackServer, listenOnLoopback } from '../../local/loopback.ts';
import {
  expectFreeRuntimeFile,
  type RuntimeFile,
  RuntimeFileError,
  readRuntimeFile,
  removeRuntimeFile,
  writeRuntimeFile,
} from '../../local/runtime-file.ts';

let answering: LoopbackServer;
let nobodyThere: string;
beforeAll(async () => {
  answering = await listenOnLoopback((_, response) => response.writeHead(404).end());
  const gone = createServer();
  nobodyThere = await new Promise((resolve) => {
    gone.listen(0, '127.0.0.1', () => {
      const address = gone.address();
      gone.close(() => resolve(`http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`));
    });
  });
});
afterAll(() => answering.stop());

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'booking-expiry-'));
  file = join(directory, 'runtime.json');
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const runtimeOf = (overrides: Partial<RuntimeFile> = {}): RuntimeFile => ({
  dynamodb: nobodyThere,
  sqs: nobodyThere,
  api: answering.endpoint,
  pid: process.ppid,
  ...overrides,
});
const expectFree = () =>
  expectFreeRuntimeFile({ file, nameOfFile: 'RUNTIME_FILE', startSecond: 'RUNTIME_FILE=second.json start' });
const write = (content: RuntimeFile) => writeRuntimeFile(file, content);
const read = () => readRuntimeFile(file);
const remove = () => removeRuntimeFile(file);
/** Above every process id that Linux gives by default. */
const NO_PROCESS = 2 ** 22 + 1;

describe('a runtime that starts', () => {
  test('is refused while another one that is announced in the same file runs and answers', async () => {
    write(runtimeOf());
    const refusal = await expectFree().catch((error) => error);
    expect(refusal).toBeInstanceOf(RuntimeFileError);
    expect(refusal.message).toContain(`process ${process.ppid}, at ${answering.endpoint}`);
    expect(refusal.message).toContain('RUNTIME_FILE=second.json start');
    expect(refusal.message).toContain(`kill ${process.ppid}`);
  });

  test('is refused too if the other one has no HTTP API and only its DynamoDB answers', async () => {
    write(runtimeOf({ api: null, dynamodb: answering.endpoint }));
    await expect(expectFree()).rejects.toThrow(`at ${answering.endpoint}`);
  });

  test.each([
    ['there is no file', () => {}],
    ['the other one was killed', () => write(runtimeOf({ pid: NO_PROCESS }))],
    ['its process id belongs to another program now', () => write(runtimeOf({ api: nobodyThere }))],
    ['it is announced itself', () => write(runtimeOf({ pid: process.pid }))],
  ])('goes on if %s', async (_, given) => {
    given();
    await expect(expectFree()).resolves.toBeUndefined();
  });

  test.each(['{"name":"booking-expiry"}', 'no JSON', '[]', 'null'])(
    'is refused if RUNTIME_FILE names a file that is no runtime’s own: %s',
    async (content) => {
      writeFileSync(file, content);
      await expect(expectFree()).rejects.toThrow(`RUNTIME_FILE must name a new file or one of a runtime, got ${file}`);
      expect(read()).toBeUndefined();
      expect(readFileSync(file, 'utf8')).toBe(content);
    },
  );
});

describe('a runtime that ends', () => {
  test('takes its file away', () => {
    write(runtimeOf({ pid: process.pid }));
    expect(read()).toMatchObject({ pid: process.pid });
    remove();
    expect(existsSync(file)).toBe(false);
  });

  test('leaves the file to another one that has written its own since', () => {
    write(runtimeOf());
    remove();
    expect(read()).toEqual(runtimeOf());
  });
});
