/** Synthesizes the CDK app as the CDK command line does: in a process of its own, told by environment variables. */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's folder. */
export const PROJECT_DIRECTORY = fileURLToPath(new URL('..', import.meta.url));

/**
 * Synthesizes the app into a folder, which is emptied first.
 *
 * @param context settings as `-c name=value` would give them
 * @throws Error with what the app printed, if it refuses
 */
export const synthesize = async (directory: string, context: Record<string, string> = {}): Promise<void> => {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const { context: defaults } = JSON.parse(readFileSync(join(PROJECT_DIRECTORY, 'cdk.json'), 'utf8'));
  const app = spawn(process.execPath, [join(PROJECT_DIRECTORY, 'bin/booking-expiry.ts')], {
    cwd: PROJECT_DIRECTORY,
    env: { ...process.env, CDK_OUTDIR: directory, CDK_CONTEXT_JSON: JSON.stringify({ ...defaults, ...context }) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  for (const stream of [app.stdout, app.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      printed += chunk;
    });
  }
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    app.once('error', reject);
    app.once('close', resolve);
  });
  // In Lambda no package.json stands above a bundle. Here the project's own would make its .js files ES modules.
  writeFileSync(join(directory, 'package.json'), '{}');
  if (exitCode !== 0) throw new Error(printed.trim() || `the CDK app ended with exit code ${exitCode}`);
};
