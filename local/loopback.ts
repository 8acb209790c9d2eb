/** HTTP servers of the runtime's own: on loopback only, and closed to web pages. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { REFUSED, refusalBody, whyRefused } from './page-guard.ts';

/**
 * Connections that may wait to be taken. Where a thousand clients come at once, Node's 511 would let the rest be reset.
 * Most systems allow 4,096 at the most.
 */
export const BACKLOG = 4_096;

/** A server of the runtime's own: where it listens, and how to end it. */
export interface LoopbackServer {
  readonly endpoint: string;
  readonly server: Server;
  stop(): Promise<void>;
}

/** Serves one request. An error that it throws is answered with 500. */
export type OnRequest = (request: IncomingMessage, response: ServerResponse) => unknown;

const failureBody = (error: unknown): string =>
  JSON.stringify({ __type: 'InternalFailure', message: error instanceof Error ? error.message : String(error) });

/**
 * Listens on 127.0.0.1 and nowhere else, and refuses what comes from a web page.
 *
 * @param onRequest called with each request that may be served
 * @param port 0 for any free port
 */
export const listenOnLoopback = async (onRequest: OnRequest, port = 0): Promise<LoopbackServer> => {
  const server = createServer((request, response) => {
    const reason = whyRefused(request);
    if (reason !== undefined) {
      const headers = { 'content-type': 'application/json', connection: 'close' };
      response.writeHead(REFUSED, headers).end(refusalBody(reason));
      return;
    }
    const served = (async () => onRequest(request, response))();
    served.catch((error) => {
      // One request that cannot be served never ends the process, and the others with it.
      if (response.headersSent) response.destroy();
      else response.writeHead(500, { 'content-type': 'application/json' }).end(failureBody(error));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1', backlog: BACKLOG }, resolve);
  });
  const address = server.address();
  return {
    endpoint: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    server,
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};

/** A request's whole body. */
export const bodyText = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
};
