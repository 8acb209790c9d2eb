/**
 * The records of streams in the embedded DynamoDB's file, which the engine itself keeps for ever and looks through from end to
 * end at each write. An index lets it find the next sequence number, and what a reader asks for; what nobody asks for any more
 * is forgotten.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { openDatabase } from './sqlite.ts';

/** The engine's own, as of dynoxide 1.2. */
const TABLE = '_stream_records';
const COLUMNS = ['id', 'table_name', 'sequence_number', 'shard_id', 'created_at'];
/**
 * It begins with what a write asks for. The last two columns let the oldest and newest number of a shard be found in the index
 * alone.
 */
const INDEX = `CREATE INDEX IF NOT EXISTS _local_stream_order
  ON ${TABLE}(table_name, CAST(sequence_number AS INTEGER), shard_id, sequence_number)`;
/** What can wait while the engine writes: making the index, before anybody writes. */
const INDEX_TIMEOUT_MS = 5_000;
/** How long a stream keeps its records (Amazon DynamoDB Developer Guide, DynamoDB Streams). */
const KEPT_SECONDS = 86_400;
/** Records forgotten in one statement: it holds the engine's writes up for about a millisecond. */
const BATCH = 250;

const NEWEST = `SELECT MAX(CAST(sequence_number AS INTEGER)) AS newest FROM ${TABLE} WHERE table_name = ?`;
const NEXT_TABLE = `SELECT MIN(table_name) AS name FROM ${TABLE} WHERE table_name > ?`;
/**
 * Looks at the oldest records only. The newest one stays always: the engine numbers the next by it. The time is SQLite's, the
 * system's: this process may go by a clock that was moved.
 */
const FORGET = `DELETE FROM ${TABLE} WHERE id IN (
  SELECT id FROM (
    SELECT id, created_at, CAST(sequence_number AS INTEGER) AS number FROM ${TABLE}
    WHERE table_name = $table ORDER BY CAST(sequence_number AS INTEGER) LIMIT ${BATCH}
  )
  WHERE number < $newest AND (number <= $passed OR created_at < unixepoch() - ${KEPT_SECONDS})
)`;

export interface StreamRecords {
  /** Tables whose streams have records. */
  tables(): string[];
  /**
   * Forgets the oldest records of a table's stream, a batch at most: those older than a day, and those that all have passed.
   * Does nothing while the engine writes.
   *
   * @param passed the sequence number up to which every reader has read; 0 where that is not known
   * @param keptAnyway how many of the newest stay although all have passed them
   * @returns whether there may be more to forget
   */
  forget(table: string, passed: number, keptAnyway: number): boolean;
  close(): void;
}

/**
 * Opens the records beside the engine, which has the file open too, and makes the index.
 *
 * @param onProblem told, once, if the engine's tables are not as they are known, or the file cannot be opened
 * @returns undefined then: the engine works on, slower with every record
 */
export const openStreamRecords = (file: string, onProblem: (problem: string) => void): StreamRecords | undefined => {
  let database: DatabaseSync | undefined;
  try {
    database = openDatabase(file, INDEX_TIMEOUT_MS);
    expectKnownColumns(database);
    database.exec(INDEX);
    // Forgetting can be done later as well, and this thread has other things to do than to wait.
    database.exec('PRAGMA busy_timeout = 0');
    return recordsIn(database);
  } catch (error) {
    database?.close();
    const reason = error instanceof Error ? error.message : error;
    onProblem(
      `the embedded DynamoDB gets slower with every write: its stream records could not be indexed (${reason})`,
    );
    return undefined;
  }
};

const expectKnownColumns = (database: DatabaseSync): void => {
  const columns = database.prepare(`PRAGMA table_info(${TABLE})`).all();
  const missing = COLUMNS.filter((name) => !columns.some((column) => column.name === name));
  if (missing.length > 0)
    throw new Error(`table ${TABLE} must have ${COLUMNS.join(', ')}, it lacks ${missing.join(', ')}`);
};

const recordsIn = (database: DatabaseSync): StreamRecords => {
  const statements = {
    newest: database.prepare(NEWEST),
    next: database.prepare(NEXT_TABLE),
    forget: database.prepare(FORGET),
  };
  return {
    tables: () => {
      const names: string[] = [];
      for (let name = nameAfter(statements.next, ''); name !== undefined; name = nameAfter(statements.next, name)) {
        names.push(name);
      }
      return names;
    },
    forget: (table, passed, keptAnyway) => {
      try {
        const newest = Number(statements.newest.get(table)?.newest ?? 0);
        const $passed = Math.min(passed, newest - keptAnyway);
        return Number(statements.forget.run({ $table: table, $newest: newest, $passed }).changes) === BATCH;
      } catch (error) {
        if (isBusy(error)) return true;
        throw error;
      }
    },
    close: () => database.close(),
  };
};

const nameAfter = (next: StatementSync, name: string): string | undefined => {
  const found = next.get(name)?.name;
  return typeof found === 'string' ? found : undefined;
};

/** SQLITE_BUSY, in SQLite's list of result codes. */
const BUSY = 5;
const isBusy = (error: unknown): boolean => error instanceof Error && 'errcode' in error && error.errcode === BUSY;
