/**
 * The errors in the Lambdas' logs, as the demo shows them: each once and whole. Those that it causes on purpose are
 * shown as planned, so that nobody takes them for failures.
 */
import { lambdaName } from '../local/log-lines.ts';

/** Seen before it is known what was planned: a Lambda may be quicker than the answer to who sent it a message. */
interface Early {
  readonly logicalId: string;
  readonly line: string;
}

export class DemoErrors {
  readonly #log: (text: string) => void;
  readonly #logged = new Set<string>();
  #planned: ReadonlySet<string> | undefined;
  #early: Early[] = [];

  constructor(log: (text: string) => void) {
    this.#log = log;
  }

  /** @param ids of the bookings and messages that are errors by plan */
  plan(ids: Iterable<string>): void {
    this.#planned = new Set(ids);
    for (const { logicalId, line } of this.#early.splice(0)) this.takeLogLine(logicalId, line);
  }

  /** Takes one log line; all but errors are left aside. */
  takeLogLine(logicalId: string, line: string): void {
    const entry = JSON.parse(line) as Entry;
    if (entry.level !== 'ERROR') return;
    if (this.#planned === undefined) {
      this.#early.push({ logicalId, line });
      return;
    }
    const id = entry.messageId ?? entry.bookingId ?? '';
    // A malformed timer is received ten times before it is a dead letter: once is enough to see.
    const once = `${entry.message} ${id}`;
    if (this.#logged.has(once)) return;
    this.#logged.add(once);
    const urgency = this.#planned.has(id) ? 'as planned: ' : 'ERROR ';
    this.#log(`${urgency}${lambdaName(logicalId)}: ${inWords(entry)}`);
  }
}

interface Entry {
  readonly level?: string;
  readonly message?: string;
  readonly messageId?: string;
  readonly bookingId?: string;
  readonly reason?: unknown;
}

/** Message and reason as a sentence, everything else of the entry behind it. */
const inWords = ({ message, reason, ...more }: Entry): string => {
  const ofEveryLine = new Set(['level', 'timestamp', 'service', 'sampling_rate', 'function']);
  const others = Object.entries(more)
    .filter(([name]) => !ofEveryLine.has(name))
    .map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return `${message}${reason === undefined ? '' : `: ${reason}`}${others.length > 0 ? ` (${others.join(', ')})` : ''}`;
};

/**
 * Breaks a text into lines for a terminal that does not wrap them, between words where it can.
 *
 * @param indent put before every line but the first
 */
export const wrapLines = (text: string, width: number, indent: string): string[] => {
  const lines: string[] = [];
  let rest = text;
  for (let room = Math.max(1, width); rest.length > room; room = Math.max(1, width - indent.length)) {
    const space = rest.lastIndexOf(' ', room);
    // A word that has no room breaks anywhere.
    const end = space > 0 ? space : room;
    lines.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  return [...lines, rest].map((line, index) => (index === 0 ? line : indent + line));
};
