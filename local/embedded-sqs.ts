/** The embedded SQS, in this process. It listens on loopback only. */
import { mkdirSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import type { buildApp as BuildApp } from 'fauxqs';
import { LOCAL_ACCOUNT_ID } from './account.ts';
import { type DelayingQueue, keepDelayedInOrder } from './delayed-messages.ts';
import { type Engine, EngineError, type EngineOptions, HOST, onClaimedPort } from './engine.ts';
import { REFUSED, refusalBody, whyRefused } from './page-guard.ts';
import { mainOfPackage, packedFile } from './paths.ts';

/** Where fauxqs's own modules are, in its package and packed with these sources. */
export const EMBEDDED_SQS = {
  packedAs: 'embedded-sqs.js',
  modules: ['./app.js', './sqs/sqsStore.js', './sns/snsStore.js', './s3/s3Store.js', './persistence.js'],
} as const;

/** What is used of fauxqs's own modules: its published entry point can only listen on every interface. */
interface FauxqsModules {
  buildApp: typeof BuildApp;
  SqsStore: new () => FauxqsSqsStore;
  SnsStore: new () => object;
  S3Store: new () => object;
  PersistenceManager: new (
    dataDir: string,
  ) => {
    loadSqsAndSns(sqsStore: FauxqsSqsStore, snsStore: object): void;
    updateMessageReady: (messageId: string) => void;
    close(): void;
  };
}
interface FauxqsSqsStore {
  host: string;
  persistence?: unknown;
  queues: Map<string, FauxqsQueue>;
  createQueue(...settings: unknown[]): FauxqsQueue;
}
interface FauxqsQueue extends DelayingQueue {
  readonly name: string;
  url: string;
  persistence?: unknown;
  readonly inflightMessages: Map<string, unknown>;
  changeVisibility(receiptHandle: string, seconds: number): void;
}

const fauxqsModules = async (): Promise<FauxqsModules> => {
  // Read when they are needed: a program that brings its own SQS, or none, does not load them.
  const packed = packedFile(EMBEDDED_SQS.packedAs);
  if (packed !== undefined) return import(packed.href);
  const main = mainOfPackage('fauxqs');
  const modules = await Promise.all(EMBEDDED_SQS.modules.map((path) => import(new URL(path, main).href)));
  return Object.assign({}, ...modules);
};

/** Starts the embedded SQS in this process. */
export const startSqs = (options: EngineOptions): Promise<Engine> =>
  onClaimedPort(options, (port) => startFauxqs(options, port));

const startFauxqs = async (options: EngineOptions, port: number): Promise<Engine> => {
  const endpoint = `http://${HOST}:${port}`;
  const { buildApp, SqsStore, SnsStore, S3Store, PersistenceManager } = await fauxqsModules();
  const sqsStore = new SqsStore();
  // With no host of its own, queue URLs have the address that the client asked at: names below localhost do not
  // resolve everywhere.
  sqsStore.host = '';
  const snsStore = new SnsStore();
  let persistence: InstanceType<FauxqsModules['PersistenceManager']> | undefined;
  if (options.dataDir !== undefined) {
    if (!isBuiltin('node:sqlite')) {
      throw new EngineError(
        `the embedded SQS keeps messages in a folder with Node 22.13 or later, this is ${process.version}. Either use that, or ` +
          'leave the folder out, or set SQS_ENDPOINT to the URL of any SQS engine on loopback',
      );
    }
    mkdirSync(options.dataDir, { recursive: true });
    persistence = new PersistenceManager(options.dataDir);
    persistence.loadSqsAndSns(sqsStore, snsStore);
    sqsStore.persistence = persistence;
    // Its own statement for this breaks its schema. Left out, the message is in flight on disk and visible in memory,
    // and the next start makes visible what was in flight.
    persistence.updateMessageReady = () => {};
    const queues = [...sqsStore.queues.values()];
    sqsStore.queues.clear();
    for (const queue of queues) {
      queue.persistence = persistence;
      queue.url = `${endpoint}/${LOCAL_ACCOUNT_ID}/${queue.name}`;
      sqsStore.queues.set(queue.url, queue);
      // Whoever held these messages ended with the last run: nobody is going to delete them.
      for (const receiptHandle of [...queue.inflightMessages.keys()]) queue.changeVisibility(receiptHandle, 0);
    }
  }
  // After the load, which puts messages into their queues past everything.
  for (const queue of sqsStore.queues.values()) keepDelayedInOrder(queue);
  const { createQueue } = sqsStore;
  sqsStore.createQueue = (...settings) => {
    const queue = createQueue.apply(sqsStore, settings);
    keepDelayedInOrder(queue);
    return queue;
  };
  const app = buildApp({
    logger: false,
    // The stores' own types are not exported.
    stores: { sqsStore, snsStore, s3Store: new S3Store() } as never,
  });
  app.addHook('onRequest', async (request, reply) => {
    const reason = whyRefused(request);
    if (reason !== undefined) return reply.code(REFUSED).type('application/json').send(refusalBody(reason));
  });
  const stop = async () => {
    await app.close();
    persistence?.close();
  };
  try {
    await app.listen({ port, host: HOST });
  } catch (error) {
    await stop();
    throw error;
  }
  return { endpoint, stop };
};
