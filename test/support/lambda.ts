import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LambdaHost, type LambdaSettings } from '../../local/lambda-host.ts';

/** A Lambda whose bundle is this source of a CommonJS module. */
export const lambdaOf = (source: string, overrides: Partial<LambdaSettings> = {}): LambdaHost => {
  const directory = mkdtempSync(join(tmpdir(), 'lambda-'));
  const bundle = join(directory, 'index.js');
  writeFileSync(bundle, source);
  return new LambdaHost({
    logicalId: 'TestFunction',
    functionName: 'test',
    bundle,
    handlerName: 'handler',
    environment: { AWS_REGION: 'us-east-1' },
    timeoutMs: 30_000,
    memorySizeMb: 128,
    maxConcurrency: 10,
    onLogLine: () => {},
    ...overrides,
  });
};

/** A stand-in for a Lambda where only what a mapping makes of its answers matters. */
export const scriptedLambda = (answer: (event: never) => unknown): LambdaHost =>
  ({
    settings: { logicalId: 'TestFunction', functionName: 'test', maxConcurrency: 10 },
    invoke: async (event: never) => answer(event),
  }) as unknown as LambdaHost;

/** Waits until something holds, and fails after a while if it never does. */
export const eventually = async <T>(
  read: () => T | Promise<T>,
  holds: (value: T) => boolean,
  timeoutMs = 120_000,
): Promise<T> => {
  const giveUpAtMs = Date.now() + timeoutMs;
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    if (Date.now() > giveUpAtMs)
      throw new Error(`did not happen within ${timeoutMs} ms, last seen: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
};
