/** A thread that makes requests as expire-booking does, and reports how long each took and what CPU. See permissions.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { BatchExecuteStatementCommand } from '@aws-sdk/client-dynamodb';
import { tableClient } from '../functions/runtime/clients.ts';
import { LOCAL_CREDENTIALS, REGION } from '../local/account.ts';
import type { Caller } from '../local/permissions/caller.ts';
import { guardRequests } from '../local/permissions/guarded-requests.ts';

export interface RequesterSettings {
  readonly endpoint: string;
  /** Whom the requests are checked for. @default - they are not checked */
  readonly caller?: Caller | undefined;
}

export interface Requested {
  readonly latenciesMs: readonly number[];
  /** Of this thread, user and system. */
  readonly cpuMicros: number;
}

const { endpoint, caller } = workerData as RequesterSettings;
if (caller) guardRequests(caller, LOCAL_CREDENTIALS.accessKeyId, () => {});
const { accessKeyId } = caller ?? LOCAL_CREDENTIALS;
const client = tableClient({ region: REGION, endpoint, credentials: { ...LOCAL_CREDENTIALS, accessKeyId } });

const STATEMENT = {
  Statement: 'UPDATE "bookings" SET "status" = ? REMOVE "pendingShard" WHERE "bookingId" = ? AND "status" = ?',
  Parameters: [{ S: 'EXPIRED' }, { S: 'a booking with an id as long as many' }, { S: 'PENDING' }],
};

parentPort?.on('message', async (requests: number) => {
  const latenciesMs: number[] = [];
  const before = process.threadCpuUsage();
  for (let done = 0; done < requests; done += 1) {
    const startedAtMs = performance.now();
    const Statements = Array.from({ length: 10 }, () => STATEMENT);
    await client.send(new BatchExecuteStatementCommand({ Statements }));
    latenciesMs.push(performance.now() - startedAtMs);
  }
  const { user, system } = process.threadCpuUsage(before);
  parentPort?.postMessage({ latenciesMs, cpuMicros: user + system } satisfies Requested);
});
