/**
 * What a Lambda prints, on its way from its execution environment to the host. The answer to an invocation takes along what
 * was printed meanwhile: a message for each line would cost the host more than everything else that it does for the invocation.
 * A copy lies in memory that both share, so that nothing is lost of an invocation that never answers.
 */

/** Text by the stream that it was printed to. */
export interface Printed {
  readonly stdout?: string;
  readonly stderr?: string;
}

/** The memory that host and environment share. */
export interface SharedCopy {
  readonly stdout: SharedArrayBuffer;
  readonly stderr: SharedArrayBuffer;
}

type StreamName = keyof Printed & keyof SharedCopy;
export const STREAMS: readonly StreamName[] = ['stdout', 'stderr'];

/** Bytes of UTF-8 for each stream, beside the four that say how many are used. What is more is sent at once. */
const COPY_BYTES = 32_768;
const LENGTH_BYTES = 4;
/** Most that one UTF-16 unit takes in UTF-8. */
const MOST_BYTES_A_UNIT = 3;
/** What is printed is sent after so long without an answer: who looks on sees what a long invocation does. */
const KEPT_BACK_MS = 100;

export const sharedCopy = (): SharedCopy => ({
  stdout: new SharedArrayBuffer(LENGTH_BYTES + COPY_BYTES),
  stderr: new SharedArrayBuffer(LENGTH_BYTES + COPY_BYTES),
});

/** What lies there that was not sent: of an environment that has ended. */
export const leftIn = (copy: SharedCopy): Printed => ({ stdout: textIn(copy.stdout), stderr: textIn(copy.stderr) });

const textIn = (shared: SharedArrayBuffer): string =>
  Buffer.from(shared, LENGTH_BYTES, Atomics.load(new Int32Array(shared, 0, 1), 0)).toString('utf8');

/** The end in the execution environment. */
export class Printing {
  readonly #copy: SharedCopy;
  readonly #send: (printed: Printed) => void;
  #kept: { stdout: string; stderr: string } = { stdout: '', stderr: '' };
  #timer: NodeJS.Timeout | undefined;

  /** @param send sends what is not to wait for an answer */
  constructor(copy: SharedCopy, send: (printed: Printed) => void) {
    this.#copy = copy;
    this.#send = send;
  }

  print(stream: StreamName, text: string): void {
    if (!this.#keep(stream, text)) {
      this.#send(this.take());
      if (!this.#keep(stream, text)) this.#send({ [stream]: text });
    }
  }

  /** False if there is no room for it. */
  #keep(stream: StreamName, text: string): boolean {
    const shared = this.#copy[stream];
    const length = new Int32Array(shared, 0, 1);
    const used = Atomics.load(length, 0);
    if (used + text.length * MOST_BYTES_A_UNIT > COPY_BYTES) return false;
    const written = Buffer.from(shared, LENGTH_BYTES).write(text, used, 'utf8');
    Atomics.store(length, 0, used + written);
    this.#kept[stream] += text;
    this.#timer ??= setTimeout(() => this.#send(this.take()), KEPT_BACK_MS).unref();
    return true;
  }

  /** What was printed and not sent: an answer takes it along. */
  take(): Printed {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const kept = this.#kept;
    this.#kept = { stdout: '', stderr: '' };
    for (const stream of STREAMS) Atomics.store(new Int32Array(this.#copy[stream], 0, 1), 0, 0);
    return kept;
  }
}

/** Lets everything that is written to a stream be printed instead. */
export const redirect = (stream: NodeJS.WritableStream, print: (text: string) => void): void => {
  const write = (chunk: Uint8Array | string, ...rest: unknown[]): boolean => {
    const encoding = typeof rest[0] === 'string' ? (rest[0] as BufferEncoding) : 'utf8';
    const isText = typeof chunk === 'string' && /^utf-?8$/i.test(encoding);
    print(isText ? chunk : Buffer.from(chunk as string, encoding).toString('utf8'));
    const written = rest.at(-1);
    if (typeof written === 'function') process.nextTick(written as () => void);
    return true;
  };
  stream.write = write as typeof stream.write;
};

/** Cuts text into lines. They end with a line feed and with nothing else: U+2028 may stand in an id. */
export const lineCutter = (onLine: (line: string) => void): { add(text: string): void; end(): void } => {
  let unfinished = '';
  return {
    add: (text) => {
      if (text === '') return;
      const lines = (unfinished + text).split('\n');
      unfinished = lines.pop() ?? '';
      for (const line of lines) onLine(line);
    },
    end: () => {
      if (unfinished !== '') onLine(unfinished);
      unfinished = '';
    },
  };
};
