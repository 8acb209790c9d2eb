/** The folder named by DATA_DIR: one runtime at a time, and how far each stream has been read. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from './engines.ts';
import type { Checkpoints } from './stream-event-source.ts';

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
    throw new EngineError(`DATA_DIR ${directory} is in use by process ${owner}: stop it, or choose another folder`);
  }
  writeFileSync(lockFile, String(process.pid));
  return () => rmSync(lockFile, { force: true });
};

/**
 * Checkpoints of one event source mapping, in a file, or in memory if no folder is given.
 *
 * @param streamArn a table that is made again has another stream, in which the old one's positions mean nothing
 */
export const openCheckpoints = (directory: string | undefined, mappingId: string, streamArn: string): Checkpoints => {
  const file = directory && join(directory, `checkpoints-${mappingId}.json`);
  if (directory !== undefined) mkdirSync(directory, { recursive: true });
  const kept = JSON.parse((file && readIfThere(file)) || '{}');
  // Version 0.1.0 wrote the positions alone.
  const positions = 'shards' in kept ? (kept.streamArn === streamArn ? kept.shards : {}) : kept;
  const sequenceNumbers = new Map<string, string>(Object.entries(positions));
  return {
    get: (shardId) => sequenceNumbers.get(shardId),
    set: (shardId, sequenceNumber) => {
      sequenceNumbers.set(shardId, sequenceNumber);
      if (file === undefined) return;
      // Renamed into place, so that a crash leaves either the old or the new one. Too old only repeats records.
      writeFileSync(`${file}.new`, JSON.stringify({ streamArn, shards: Object.fromEntries(sequenceNumbers) }));
      renameSync(`${file}.new`, file);
    },
  };
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
