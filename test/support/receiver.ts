/** An application that receives webhooks, well or badly, on command. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A request as it came. */
export interface Received {
  readonly atMs: number;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** Answers one request, or does not. */
export type Answer = (response: ServerResponse, request: IncomingMessage) => unknown;

export const answering =
  (status: number, headers: Record<string, string> = {}, body = ''): Answer =>
  (response) =>
    response.writeHead(status, headers).end(body);

export interface Receiver {
  readonly url: string;
  readonly received: Received[];
  /** How many connections were opened to it. */
  connections(): number;
  /** Answers so from now on. */
  answer(answer: Answer): void;
  /** Closes the connections on which nothing is under way. */
  closeIdle(): void;
  stop(): Promise<void>;
}

/** A certificate that nobody has signed but itself, for 127.0.0.1. */
export const selfSigned = (): { readonly key: string; readonly cert: string } => {
  const folder = mkdtempSync(join(tmpdir(), 'receiver-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const wanted = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=receiver';
  const made = spawnSync(
    'openssl',
    ['req', '-x509', ...wanted.split(' '), '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert],
    { encoding: 'utf8' },
  );
  if (made.status !== 0) throw new Error(`openssl could not make a certificate: ${made.stderr}`);
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
};

/** @param tls its certificate. @default - plain HTTP */
export const startReceiver = async (tls?: { readonly key: string; readonly cert: string }): Promise<Receiver> => {
  const received: Received[] = [];
  let answer: Answer = answering(204);
  let connections = 0;
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    received.push({
      atMs: Date.now(),
      path: request.url ?? '',
      headers: { ...request.headers } as Record<string, string>,
      body: Buffer.concat(chunks).toString('utf8'),
    });
    answer(response, request);
  };
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    serve(request, response).catch(() => response.destroy());
  };
  const server: Server = tls ? createTlsServer(tls, onRequest) : createServer(onRequest);
  server.keepAliveTimeout = 60_000;
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}/hook`,
    received,
    connections: () => connections,
    answer: (next) => {
      answer = next;
    },
    closeIdle: () => server.closeIdleConnections(),
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
