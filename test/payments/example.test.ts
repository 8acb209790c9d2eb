/** The example of docs/examples/payments, as its command runs it, against the service on real engines. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SCENES } from '../../docs/examples/payments/scenes.ts';
import type { OwnRuntime } from '../../service/service.ts';
import { startTestRuntime } from '../support/runtime.ts';
import { startScript } from '../support/script.ts';

/** Runs the example against a service. */
const tryAt = async (origin: string): Promise<{ readonly code: number | null; readonly said: string }> => {
  const { code, out, err } = await startScript('docs/examples/payments/try.ts', [], { BOOKINGS_URL: origin }).ended;
  return { code, said: out + err };
};

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
