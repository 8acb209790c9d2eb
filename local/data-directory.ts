/** The folder that data outlives a restart in: one runtime at a time. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from './engine.ts';

/**
 * Takes a data folder for this process.
 *
 * @returns gives it back
 * @throws EngineError if another runtime that is alive has it
 */
export const lockDataDirectory = (directory: string): (() => void) => {
  mkdirSync(directory, { recursive: true });
  const lockFile = join(directory, 'runtime.pid');
  const owner = Number(readIfThere(lockFile));
  if (owner > 0 && owner !== process.pid && isAlive(owner)) {
    throw new EngineError(
      `the data folder ${directory} is in use by process ${owner}: stop it, or choose another folder`,
    );
  }
  writeFileSync(lockFile, String(process.pid));
  return () => rmSync(lockFile, { force: true });
};

const readIfThere = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
};

/** Whether a process with this id runs. */
export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
};
