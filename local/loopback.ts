import type { Server } from 'node:http';

/** A server of the runtime's own: where it listens, and how to end it. */
export interface LoopbackServer {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** Listens on a free port of 127.0.0.1 and nowhere else. */
export const listenOnLoopback = async (server: Server): Promise<LoopbackServer> => {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  return {
    endpoint: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
