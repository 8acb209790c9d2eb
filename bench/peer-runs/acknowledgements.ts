/** When the service's writes were acknowledged, as its Lambdas saw it: where its own clock before a write does not count. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolders } from '../../local/database-place.ts';

const HOOK = fileURLToPath(new URL('./acknowledgement-hook.cts', import.meta.url));

/** What the hook notes: a request, and when its answer had been read. */
interface Acknowledged {
  readonly atMs: number;
  readonly request: string;
}

interface Value {
  readonly S?: string;
  readonly N?: string;
}

/** A request that marks bookings, in either form that the service makes. */
interface Marking {
  readonly Statements?: readonly { readonly Parameters?: readonly Value[] }[];
  readonly Key?: Readonly<Record<string, Value>>;
  readonly ExpressionAttributeValues?: Readonly<Record<string, Value>>;
}

export class Acknowledgements {
  /** What the Lambdas' environment must have. */
  readonly environment: Record<string, string>;
  readonly #directory: string;
  readonly #file: string;

  constructor() {
    this.#directory = mkdtempSync(join(temporaryFolders()[0], 'booking-expiry-acknowledged-'));
    this.#file = join(this.#directory, 'writes.jsonl');
    this.environment = { NODE_OPTIONS: `--require=${JSON.stringify(HOOK)}`, ACKNOWLEDGED_WRITES_FILE: this.#file };
    this.reset();
    process.once('exit', () => this.stop());
  }

  /** Forgets what was acknowledged so far. */
  reset(): void {
    writeFileSync(this.#file, '');
  }

  /**
   * When the write was acknowledged that gave a booking this time, epoch ms: requests and what came of them are matched by
   * the clock before the write. NaN if it was not seen.
   */
  finder(): (bookingId: string, expiredAtMs: number) => number {
    const atMsOf = new Map<string, number>();
    for (const line of readFileSync(this.#file, 'utf8').split('\n').slice(0, -1)) {
      const { atMs, request } = JSON.parse(line) as Acknowledged;
      for (const values of markingsIn(JSON.parse(request) as Marking)) {
        const texts = values.flatMap(({ S }) => S ?? []);
        if (!texts.includes('EXPIRED')) continue;
        for (const { N } of values) if (N !== undefined) for (const text of texts) note(atMsOf, `${text} ${N}`, atMs);
      }
    }
    return (bookingId, expiredAtMs) => atMsOf.get(`${bookingId} ${expiredAtMs}`) ?? Number.NaN;
  }

  stop(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** The first answer counts: a request that is repeated changes nothing. */
const note = (atMsOf: Map<string, number>, key: string, atMs: number): void => {
  if (!atMsOf.has(key)) atMsOf.set(key, atMs);
};

const markingsIn = ({ Statements, Key = {}, ExpressionAttributeValues = {} }: Marking): readonly (readonly Value[])[] =>
  Statements?.map(({ Parameters = [] }) => Parameters) ?? [
    [...Object.values(Key), ...Object.values(ExpressionAttributeValues)],
  ];
