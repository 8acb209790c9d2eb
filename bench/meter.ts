/**
 * A counting stand-in for an engine: passes every request on, counts it by operation, and has DynamoDB say what capacity
 * each one consumed (ReturnConsumedCapacity), by the engine's own charging rules.
 */
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { listenOnLoopback } from '../local/loopback.ts';

/** Requests and capacity units of one operation. */
export interface Use {
  readonly requests: number;
  readonly writeUnits: number;
  readonly readUnits: number;
}

/** Use by operation, such as `UpdateItem`. */
export type Usage = Readonly<Record<string, Use>>;

export interface Meter {
  /** Where clients are to be pointed at instead of the engine. */
  readonly endpoint: string;
  /** What was used since the meter was started or reset. */
  readonly usage: () => Usage;
  reset(): void;
  stop(): Promise<void>;
}

const READS = new Set(['GetItem', 'Query', 'BatchGetItem', 'Scan']);
const WRITES = new Set(['PutItem', 'UpdateItem', 'DeleteItem', 'BatchExecuteStatement', 'TransactWriteItems']);

/** @param target endpoint of the engine */
export const startMeter = async (target: string): Promise<Meter> => {
  const { hostname, port } = new URL(target);
  const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
  const used = new Map<string, { requests: number; writeUnits: number; readUnits: number }>();

  const { endpoint, server, stop } = await listenOnLoopback(async (incoming, response) => {
    const operation = String(incoming.headers['x-amz-target'] ?? 'other').replace(/^.*\./, '');
    const use = used.get(operation) ?? { requests: 0, writeUnits: 0, readUnits: 0 };
    used.set(operation, use);
    use.requests += 1;
    const isCharged = READS.has(operation) || WRITES.has(operation);
    let body = await bodyOf(incoming);
    if (isCharged) {
      body = Buffer.from(JSON.stringify({ ...JSON.parse(body.toString()), ReturnConsumedCapacity: 'TOTAL' }));
    }
    // The host stays as it came: SQS puts it into the URLs of its queues.
    const headers = { ...incoming.headers, 'content-length': String(body.length) };
    const passedOn = httpRequest({ hostname, port, path: incoming.url, method: incoming.method, headers, agent });
    // A long poll that its client gives up is given up here too.
    response.once('close', () => passedOn.destroy());
    passedOn.once('error', () => response.destroy());
    passedOn.once('response', async (answer) => {
      const content = await bodyOf(answer).catch(() => Buffer.alloc(0));
      if (isCharged && answer.statusCode === 200) {
        const units = consumed(content.toString());
        if (READS.has(operation)) use.readUnits += units;
        else use.writeUnits += units;
      }
      if (!response.destroyed) response.writeHead(answer.statusCode ?? 502, answer.headers).end(content);
    });
    passedOn.end(body);
  });
  server.keepAliveTimeout = 60_000;
  return {
    endpoint,
    usage: () => Object.fromEntries([...used].map(([operation, use]) => [operation, { ...use }])),
    reset: () => used.clear(),
    stop: async () => {
      agent.destroy();
      await stop();
    },
  };
};

/** Sums what one answer says that it consumed: one entry, or one for each table or statement. */
const consumed = (answer: string): number => {
  const { ConsumedCapacity = [] } = JSON.parse(answer) as { ConsumedCapacity?: Consumed | Consumed[] };
  return [ConsumedCapacity].flat().reduce((sum, { CapacityUnits = 0 }) => sum + CapacityUnits, 0);
};
interface Consumed {
  readonly CapacityUnits?: number;
}

const bodyOf = async (message: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk);
  return Buffer.concat(chunks);
};
