/** HTTP servers of the runtime's own: on loopback only, and closed to web pages. */
import { createServer, type RequestListener, type Server } from 'node:http';
import { REFUSED, refusalBody, whyRefused } from './page-guard.ts';

/** A server of the runtime's own: where it listens, and how to end it. */
export interface LoopbackServer {
  readonly endpoint: string;
  readonly server: Server;
  stop(): Promise<void>;
}

/**
 * Listens on 127.0.0.1 and nowhere else, and refuses what comes from a web page.
 *
 * @param onRequest called with each request that may be served
 * @param port 0 for any free port
 */
export const listenOnLoopback = async (onRequest: RequestListener, port = 0): Promise<LoopbackServer> => {
  const server = createServer((request, response) => {
    const reason = whyRefused(request);
    if (reason === undefined) {
      onRequest(request, response);
      return;
    }
    response.writeHead(REFUSED, { 'content-type': 'application/json', connection: 'close' }).end(refusalBody(reason));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
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
