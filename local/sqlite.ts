/** Node's own SQLite, which Node before 22.13 has not. */
import { createRequire, isBuiltin } from 'node:module';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';

/** Put together, so that no bundler resolves it while it builds. */
const NAME = ['node', 'sqlite'].join(':');

export const hasSqlite = (): boolean => isBuiltin(NAME);

/**
 * Opens a database.
 *
 * @param timeoutMs how long a statement waits for another connection's to end
 * @throws Error if this Node has no SQLite, or if there is no such database
 */
export const openDatabase = (file: string, timeoutMs: number): DatabaseSync => {
  const sqlite: typeof import('node:sqlite') = createRequire(join(process.cwd(), 'any.js'))(NAME);
  return new sqlite.DatabaseSync(file, { timeout: timeoutMs });
};
