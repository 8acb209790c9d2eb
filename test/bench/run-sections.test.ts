/** A benchmark on a busy machine: what fails is told, and nothing else is lost. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runSections } from '../../bench/run-sections.ts';
import { startService } from '../../bench/service.ts';
import { PROJECT_DIRECTORY } from '../../service/project.ts';

describe('a section of the benchmark that fails', () => {
  const play = async (...sections: { name: string; run: () => Promise<void> }[]) => {
    const log: string[] = [];
    await runSections(
      sections.map(({ name, run }) => ({ name, run, end: () => log.push(`${name} ended`) })),
      (section, error) => log.push(`${section} failed: ${(error as Error).message}`),
    );
    return log;
  };
  const well = { name: 'well', run: async () => {} };

  test('is told, and the others run', async () => {
    const run = () => Promise.reject(new Error('timed out'));
    expect(await play({ name: 'lag', run }, well)).toEqual(['lag failed: timed out', 'lag ended', 'well ended']);
  });

  test('by an error that nobody waited for is told too, and goes on', async () => {
    const run = async () => {
      void Promise.reject(new Error('stray'));
      await sleep(10);
    };
    expect(await play({ name: 'far', run }, well)).toEqual(['far failed: stray', 'far ended', 'well ended']);
    expect(process.listenerCount('unhandledRejection')).toBe(listeners);
  });
  const listeners = process.listenerCount('unhandledRejection');
});

describe('npm run bench', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'booking-expiry-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  test('keeps and prints what a section found before it failed, and ends with exit code 1', async () => {
    const file = join(directory, 'figures.json');
    // No machine has room for the second table.
    const sizes = ['--table-sizes', '1000,999999999999'];
    const args = ['--only', 'sweep', ...sizes, '--out', file];
    const { code, out, err } = await new Promise<{ code: unknown; out: string; err: string }>((resolve) => {
      execFile(process.execPath, [join(PROJECT_DIRECTORY, 'bench/main.ts'), ...args], (error, out, err) =>
        resolve({ code: error?.code, out, err }),
      );
    });
    expect(code).toBe(1);
    expect(err).toContain('bench: sweep failed: Invalid array length');
    expect(out).toMatch(/bookings in the table.*\n.*\n +1,000 +1,000 /);
    expect(out).toContain('Not measured, or in part only: sweep');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
      sweep: { sizes: [{ tableSize: 1_000, expired: 1_000 }] },
      failures: { sweep: ['Invalid array length'] },
    });
  }, 180_000);

  test('leaves nothing behind of a service that could not be started, for the next one to trip over', async () => {
    await expect(startService({ metered: true, assemblyDirectory: directory })).rejects.toThrow('manifest.json');
    expect(process.env.DYNAMODB_ENDPOINT).toBeUndefined();
    expect(process.env.SQS_ENDPOINT).toBeUndefined();
  });
});
