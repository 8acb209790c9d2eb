/**
 * How far each stream has been read, as Lambda remembers it for an event source mapping: in a file where the stream
 * outlives this process, else in memory.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** How far each shard has been read. */
export interface Checkpoints {
  get(shardId: string): string | undefined;
  set(shardId: string, sequenceNumber: string): void;
}

/** Where positions are kept. */
export interface CheckpointStore {
  readonly directory: string;
  /** Endpoint of an engine that this runtime did not start: other runtimes may have left positions in other engines. */
  readonly engine?: string;
}

interface Content {
  readonly streamArn: string;
  readonly sequenceNumbers: Record<string, string>;
}

/** Streams keep a day of records. What nobody has opened for longer than this belongs to an engine that is gone. */
const KEPT_MS = 7 * 86_400_000;

/**
 * Checkpoints of one event source mapping. They are good for one stream only: a table that is made anew has another, whose
 * records are numbered from the beginning.
 *
 * @param store absent for memory
 */
export const openCheckpoints = (
  store: CheckpointStore | undefined,
  mappingId: string,
  streamArn: string,
): Checkpoints => {
  if (store === undefined) return new Map<string, string>();
  const { directory, engine } = store;
  mkdirSync(directory, { recursive: true });
  if (engine !== undefined) removeAbandoned(directory);
  const ofEngine = engine === undefined ? '' : `-${createHash('sha256').update(engine).digest('hex').slice(0, 12)}`;
  const file = join(directory, `checkpoints-${mappingId}${ofEngine}.json`);
  const sequenceNumbers = new Map(Object.entries(read(file, streamArn)));
  const write = (): void => {
    const content: Content = { streamArn, sequenceNumbers: Object.fromEntries(sequenceNumbers) };
    // Renamed into place, so that a crash leaves either the old or the new one. Too old only repeats records.
    const written = `${file}.${process.pid}`;
    writeFileSync(written, JSON.stringify(content));
    renameSync(written, file);
  };
  write();
  return {
    get: (shardId) => sequenceNumbers.get(shardId),
    set: (shardId, sequenceNumber) => {
      sequenceNumbers.set(shardId, sequenceNumber);
      write();
    },
  };
};

/** Nothing if there is no such file, or one of another stream. Version 0.1.0 wrote the numbers alone. */
const read = (file: string, streamArn: string): Record<string, string> => {
  try {
    const content: Content | Record<string, string> = JSON.parse(readFileSync(file, 'utf8'));
    if (!('streamArn' in content)) return content;
    return content.streamArn === streamArn ? (content as Content).sequenceNumbers : {};
  } catch {
    return {};
  }
};

const removeAbandoned = (directory: string): void => {
  for (const name of readdirSync(directory)) {
    const file = join(directory, name);
    if (/^checkpoints-.*-[0-9a-f]{12}\.json$/.test(name) && statSync(file).mtimeMs < Date.now() - KEPT_MS) {
      rmSync(file, { force: true });
    }
  }
};
