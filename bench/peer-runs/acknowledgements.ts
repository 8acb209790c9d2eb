/** When the service's writes were acknowledged, as its Lambdas saw it: where its own clock before a write does not count. */
import { fileURLToPath } from 'node:url';
import { BroadcastChannel } from 'node:worker_threads';

const HOOK = fileURLToPath(new URL('./acknowledgement-hook.cts', import.meta.url));

/** What the hook sends: a request, and when its answer had been read. */
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
  static readonly environment = { NODE_OPTIONS: `--require=${JSON.stringify(HOOK)}` };

  readonly #channel = new BroadcastChannel('acknowledged-writes');
  #seen: Acknowledged[] = [];

  constructor() {
    this.#channel.onmessage = (event) => {
      this.#seen.push((event as { data: Acknowledged }).data);
    };
    this.#channel.unref();
  }

  /** Forgets what was acknowledged so far. */
  reset(): void {
    this.#seen = [];
  }

  /**
   * When the write was acknowledged that gave a booking this time, epoch ms: requests and what came of them are matched by
   * the clock before the write. NaN if it was not seen.
   */
  finder(): (bookingId: string, expiredAtMs: number) => number {
    const atMsOf = new Map<string, number>();
    for (const { atMs, request } of this.#seen) {
      for (const values of markingsIn(JSON.parse(request) as Marking)) {
        const texts = values.flatMap(({ S }) => S ?? []);
        if (!texts.includes('EXPIRED')) continue;
        for (const { N } of values) if (N !== undefined) for (const text of texts) note(atMsOf, `${text} ${N}`, atMs);
      }
    }
    return (bookingId, expiredAtMs) => atMsOf.get(`${bookingId} ${expiredAtMs}`) ?? Number.NaN;
  }

  stop(): void {
    this.#channel.close();
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
