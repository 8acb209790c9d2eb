/** Something between the service and an engine that fails as networks and services do, on command. */
import { Agent, request as httpRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { listenOnLoopback } from '../../local/loopback.ts';

/** How it fails. `slow` is slower than the service's patience with one request. */
export type Mode = 'well' | 'unreachable' | 'slow' | 'throttling' | 'answering 500';

const SLOW_MS = 3_000;

/** @param target the engine; may be given later, by `forwardTo` */
export const startFaultyEngine = async (target = 'http://127.0.0.1:1') => {
  let { hostname, port } = new URL(target);
  const agent = new Agent({ keepAlive: true });
  let mode: Mode = 'well';
  let failing: string | undefined;
  let failures = 0;
  const { endpoint, server, stop } = await listenOnLoopback(async (incoming, response) => {
    const isToFail = failing === undefined || String(incoming.headers['x-amz-target']).endsWith(`.${failing}`);
    const now = isToFail ? mode : 'well';
    if (now !== 'well') failures += 1;
    if (now === 'unreachable') {
      incoming.socket.destroy();
      return;
    }
    if (now === 'slow') await sleep(SLOW_MS);
    if (now === 'throttling' || now === 'answering 500') {
      const [status, type] =
        now === 'throttling'
          ? [400, 'ThrottlingException']
          : [500, 'com.amazonaws.dynamodb.v20120810#InternalServerError'];
      incoming.resume();
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' });
      response.end(JSON.stringify({ __type: type, message: `made to be ${now}` }));
      return;
    }
    const { url: path, method, headers } = incoming;
    const passedOn = httpRequest({ hostname, port, path, method, headers, agent }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    passedOn.once('error', () => response.destroy());
    response.once('close', () => passedOn.destroy());
    incoming.pipe(passedOn);
  });
  return {
    endpoint,
    forwardTo: (endpoint: string) => {
      ({ hostname, port } = new URL(endpoint));
    },
    failures: () => failures,
    /** @param operation the only one that fails; all of them if absent */
    become: (next: Mode, operation?: string) => {
      mode = next;
      failing = operation;
      // Whoever waits in a long poll meets the fault too.
      if (next === 'unreachable') server.closeAllConnections();
    },
    stop: async () => {
      agent.destroy();
      await stop();
    },
  };
};
