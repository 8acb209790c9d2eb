/** The example of docs/examples/payments, as its command runs it, against the service on real engines. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SCENES } from '../../docs/examples/payments/scenes.ts';
import { PROJECT_DIRECTORY } from '../../service/project.ts';
import type { OwnRuntime } from '../../service/service.ts';
import { startTestRuntime } from '../support/runtime.ts';

/** Runs the example against a service. */
const tryAt = (origin: string): Promise<{ readonly code: number | null; readonly said: string }> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(PROJECT_DIRECTORY, 'docs/examples/payments/try.ts')], {
      env: { ...process.env, BOOKINGS_URL: origin },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        said += chunk;
      });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, said }));
  });

describe('the example', () => {
  let runtime: OwnRuntime;
  beforeAll(async () => {
    runtime = await startTestRuntime();
  });
  afterAll(() => runtime.stop());

  test('comes to the right end in each of its scenes, and says so', async () => {
    const { code, said } = await tryAt(runtime.outputs.ApiUrl ?? '');
    expect(said).not.toContain('WRONG');
    expect(said).toContain(`${SCENES.length} of ${SCENES.length} scenes ended as they should`);
    for (const { title } of SCENES) expect(said).toContain(title);
    expect(said).toContain('→ the booking is CONFIRMED, revived; the money stays');
    expect(said).toContain('→ the booking is EXPIRED; the money went back, once');
    expect(code).toBe(0);
  });
});

test('without a service it says what to start', async () => {
  const { code, said } = await tryAt('http://127.0.0.1:1');
  expect(said).toContain('there is no booking service at http://127.0.0.1:1: run npm start in another terminal');
  expect(code).toBe(1);
});
