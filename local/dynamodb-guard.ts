/**
 * Stands before the embedded DynamoDB, which by itself answers the pages of every origin. It looks at the first request of
 * each connection only, and passes every byte on after that: DynamoDB's protocol is POST, and a browser's POST always
 * carries Origin, so a browser is refused with its first request and never gets a connection to send a second one.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { BACKLOG } from './loopback.ts';
import { REFUSED, type RequestHead, refusalBody, whyRefused, whyRefusedToBrowsers } from './page-guard.ts';

export interface DynamoDbGuard {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** Largest head of a request that is read, as in Node's own HTTP server. */
const MAX_HEAD_BYTES = 16_384;
/** A connection without a whole request's head is closed after this time, as in Node's own HTTP server. */
const HEAD_TIMEOUT_MS = 60_000;
/** Time that a client has to read an answer of the guard's own before its connection is closed. */
const TIME_TO_READ_MS = 5_000;
const END_OF_HEAD = '\r\n\r\n';
/** A name and a value (RFC 9110, 5.1 and 5.5); a folded line and a space before the colon are none. */
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/;
/** Headers that decide here, and so must not come twice. */
const DECISIVE = new Set(['host', 'origin', 'sec-fetch-site']);

/**
 * Starts the guard on 127.0.0.1.
 *
 * @param engine endpoint of the engine
 * @param port 0 for any free port
 */
export const startDynamoDbGuard = async (engine: string, port: number): Promise<DynamoDbGuard> => {
  const { hostname, port: enginePort } = new URL(engine);
  const sockets = new Set<Socket>();
  const track = (socket: Socket): Socket => {
    sockets.add(socket);
    return socket.once('close', () => sockets.delete(socket));
  };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    track(client);
    onFirstHead(client, (received, headEnd) => {
      const answer = ownAnswer(headEnd < 0 ? undefined : parseHead(received.toString('latin1', 0, headEnd)));
      if (answer !== undefined) return finish(client, answer);
      const passage = track(connect({ host: hostname, port: Number(enginePort), noDelay: true }));
      passage.write(received);
      join(client, passage);
    });
  });
  await listen(server, port);
  const address = server.address();
  return {
    endpoint: `http://127.0.0.1:${typeof address === 'object' ? address?.port : port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
};

const listen = (server: Server, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1', backlog: BACKLOG }, resolve);
  });

/** Calls back once, with all that came so far and where the first head ends in it; -1 if it is too large. */
const onFirstHead = (client: Socket, decide: (received: Buffer, headEnd: number) => void): void => {
  let received: Buffer = Buffer.alloc(0);
  const onData = (chunk: Buffer): void => {
    // The end may lie across two chunks.
    const searchFrom = Math.max(0, received.length - END_OF_HEAD.length);
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    const headEnd = received.indexOf(END_OF_HEAD, searchFrom);
    if (headEnd < 0 && received.length <= MAX_HEAD_BYTES) return;
    client.off('data', onData).off('end', onEnd).pause().setTimeout(0);
    decide(received, headEnd > MAX_HEAD_BYTES ? -1 : headEnd);
  };
  const onEnd = (): void => {
    client.destroy();
  };
  client.on('error', () => client.destroy());
  client.setTimeout(HEAD_TIMEOUT_MS, () => client.destroy());
  client.on('data', onData).once('end', onEnd);
};

/** Undefined if it is no head of an HTTP/1 request whose decisive headers are clear. */
const parseHead = (text: string): (RequestHead & { readonly method: string }) | undefined => {
  const [requestLine = '', ...lines] = text.split('\r\n');
  const method = /^([A-Z]+) \S+ HTTP\/1\.[01]$/.exec(requestLine)?.[1];
  if (method === undefined) return undefined;
  const headers: IncomingHttpHeaders = {};
  for (const line of lines) {
    const [, name, value] = HEADER.exec(line) ?? [];
    if (name === undefined) return undefined;
    const key = name.toLowerCase();
    if (DECISIVE.has(key) && key in headers) return undefined;
    headers[key] = value;
  }
  return { method, headers };
};

interface Answer {
  readonly status: string;
  readonly type: string;
  readonly body: string;
  /** Whether the body is left out, as an answer to HEAD. */
  readonly headOnly?: boolean;
}

/** What the guard answers by itself; undefined if the connection may go to the engine. */
const ownAnswer = (head: ReturnType<typeof parseHead>): Answer | undefined => {
  const refuse = (status: string, reason: string): Answer => ({
    status,
    type: 'application/x-amz-json-1.0',
    body: refusalBody(reason),
  });
  if (head === undefined) return refuse('400 Bad Request', 'the head of the request is malformed or too large');
  const isLook = head.method === 'GET' || head.method === 'HEAD';
  const reason = isLook ? whyRefused(head) : whyRefusedToBrowsers(head);
  if (reason !== undefined) return refuse(`${REFUSED} Forbidden`, reason);
  if (isLook) {
    const body = 'healthy: DynamoDB of the local runtime. Use it with any AWS SDK or with the AWS CLI.\n';
    return { status: '200 OK', type: 'text/plain; charset=utf-8', body, headOnly: head.method === 'HEAD' };
  }
  if (head.method !== 'POST') return refuse('405 Method Not Allowed', `the method must be POST, got ${head.method}`);
  return undefined;
};

/** Answers and closes. What the client still sends is read and dropped, or it might never see the answer. */
const finish = (client: Socket, { status, type, body, headOnly }: Answer): void => {
  const length = Buffer.byteLength(body);
  const head = `HTTP/1.1 ${status}\r\ncontent-type: ${type}\r\ncontent-length: ${length}\r\nconnection: close${END_OF_HEAD}`;
  client.setTimeout(TIME_TO_READ_MS, () => client.destroy());
  client.resume().end(headOnly ? head : head + body);
};

/** Passes bytes both ways. Each side waits for the other to take them, and ends when the other has ended. */
const join = (client: Socket, engine: Socket): void => {
  client.pipe(engine);
  engine.pipe(client);
  client.once('close', () => engine.destroy());
  // Its close follows.
  engine.on('error', () => {});
  engine.once('close', () => client.destroySoon());
};
