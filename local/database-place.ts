/** Where the embedded DynamoDB's file lies: in the data folder, else in memory, else among temporary files. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive } from './data-directory.ts';
import { hasSqlite } from './sqlite.ts';

export interface DatabasePlace {
  readonly file: string;
  /** Folder that is to be removed when the engine has ended; absent where the data outlives it. */
  readonly temporaryDirectory?: string;
}

/** The file system in memory that Linux has. */
const MEMORY_FOLDER = '/dev/shm';
/** A container's is often 64 MB, which a long run would fill: one that has less than this is left alone. */
const LEAST_FREE_BYTES = 1024 ** 3;
const PREFIX = 'local-dynamodb-';

/**
 * Chooses a place, and makes its folder. A folder that an earlier process left behind is removed.
 *
 * @param dataDir folder that the data outlives a restart in
 * @param memoryFolder where a file system in memory would be
 * @param freeBytesOf how much room there is; 0 where there is no such folder
 * @returns undefined where the engine had better keep its data to itself: this Node cannot open the file beside it, or no
 *   file can be made
 */
export const placeDatabase = (
  dataDir: string | undefined,
  memoryFolder: string = MEMORY_FOLDER,
  freeBytesOf: (folder: string) => number = freeBytes,
): DatabasePlace | undefined => {
  if (dataDir !== undefined) {
    mkdirSync(dataDir, { recursive: true });
    return { file: join(dataDir, 'dynamodb.sqlite') };
  }
  if (!hasSqlite()) return undefined;
  for (const folder of temporaryFolders(memoryFolder, freeBytesOf)) {
    try {
      removeAbandoned(folder);
      // Only its owner can read what is in it.
      const temporaryDirectory = mkdtempSync(join(folder, `${PREFIX}${process.pid}-`));
      return { file: join(temporaryDirectory, 'dynamodb.sqlite'), temporaryDirectory };
    } catch {
      // Not a folder that this process may write to.
    }
  }
  return undefined;
};

/**
 * Folders for files that need not outlive the process, the fastest first: in memory, if there is room, then on a disk.
 *
 * @param memoryFolder where a file system in memory would be
 * @param freeBytesOf how much room there is; 0 where there is no such folder
 */
export const temporaryFolders = (
  memoryFolder: string = MEMORY_FOLDER,
  freeBytesOf: (folder: string) => number = freeBytes,
): [string, ...string[]] => (freeBytesOf(memoryFolder) >= LEAST_FREE_BYTES ? [memoryFolder, tmpdir()] : [tmpdir()]);

const freeBytes = (folder: string): number => {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return 0;
  }
};

/** Whoever was killed together with the shell that watches over its engine could remove nothing. */
const removeAbandoned = (folder: string): void => {
  for (const name of readdirSync(folder)) {
    const owner = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (owner === undefined || isAlive(Number(owner))) continue;
    try {
      rmSync(join(folder, name), { recursive: true, force: true });
    } catch {
      // Another user's.
    }
  }
};
