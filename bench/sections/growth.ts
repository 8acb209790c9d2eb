/** Whether a service gets slower with what it has done: writes and lag after so many bookings, in one run of one service. */
import { BatchWriteItemCommand, DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import pMap from 'p-map';
import { DAY_MS } from '../../functions/core/hold-time.ts';
import { shardOf } from '../../functions/core/pending-shard.ts';
import { LOCAL_CREDENTIALS, REGION } from '../../local/engines.ts';
import { percentile } from '../../measure/lag-report.ts';
import { HIGH_STEP_RATE, measureUsualAndHigh, startWarmService, USUAL_STEP_RATE, warmUp } from '../load-lag.ts';
import type { SectionWork } from '../section.ts';
import { type Service, SHARD_COUNT } from '../service.ts';

const MARKS = [1_000, 10_000, 100_000];
/** Writes that are timed at each mark, one after the other. */
const TIMED_WRITES = 500;
const BATCH = 25;
const AT_ONCE = 4;

const HEADER = [
  'bookings',
  'a write, p50 ms',
  'p99 ms',
  'DynamoDB, CPU ms',
  `lag p50 ms at ${USUAL_STEP_RATE}/s`,
  'p99 ms',
  'max ms',
  `lag p50 ms at ${HIGH_STEP_RATE}/s`,
  'p99 ms',
  'max ms',
  'CPU ms a booking',
  'early',
  'missed',
];

export const growthSection = async (work: SectionWork): Promise<void> => {
  const service = await work.progress('starting a service', 20, () =>
    startWarmService({ assemblyDirectory: work.assemblyDirectory }, USUAL_STEP_RATE),
  );
  try {
    await warmUp(service, HIGH_STEP_RATE, work.progress);
    const title = `One run: ${TIMED_WRITES} writes one after the other, then ${USUAL_STEP_RATE}/s and ${HIGH_STEP_RATE}/s spread for 8 s each`;
    const rows = work.table(HEADER, title);
    const marks: unknown[] = [];
    work.figures.marks = marks;
    const client = new DynamoDBClient({
      region: REGION,
      credentials: LOCAL_CREDENTIALS,
      endpoint: service.dynamodbEndpoint,
    });
    const writer = new Writer(client, service);
    for (const mark of MARKS) {
      await work.progress(`writing ${mark.toLocaleString('en-US')} bookings`, 0, (showShare) =>
        writer.fillUpTo(mark, showShare),
      );
      const writesMs = await work.progress(`timing ${TIMED_WRITES} writes`, 2, () => writer.time(TIMED_WRITES));
      const { usual, high, ...found } = await measureUsualAndHigh(service, work.progress);
      const [writeP50, writeP99] = [percentile(writesMs, 0.5), percentile(writesMs, 0.99)];
      const cells = [usual, high].flatMap(({ p50, p99, max }) => [p50, p99, max]);
      const { usualCpu, highCpu, early, missed } = found;
      const cpuMs = highCpu.processMs + highCpu.dynamodbMs;
      rows.push([mark, writeP50, writeP99, usualCpu.dynamodbMs, ...cells, cpuMs, early, missed]);
      marks.push({ bookings: mark, writeP50, writeP99, usual, high, ...found });
    }
    client.destroy();
  } finally {
    await service.stop();
  }
};

/** An application that writes bookings with holds of a day: a record of the stream for each, and no timer. */
class Writer {
  readonly #client: DynamoDBClient;
  readonly #table: string;
  #written = 0;

  constructor(client: DynamoDBClient, { table }: Service) {
    this.#client = client;
    this.#table = table;
  }

  /** Writes until so many have been written in all. */
  async fillUpTo(count: number, onProgress: (share: number) => void): Promise<void> {
    const from = this.#written;
    this.#written = Math.max(count, from);
    const firsts = Array.from(
      { length: Math.ceil((this.#written - from) / BATCH) },
      (_, batch) => from + batch * BATCH,
    );
    let done = 0;
    await pMap(
      firsts,
      async (first) => {
        const numbers = Array.from({ length: Math.min(BATCH, this.#written - first) }, (_, index) => first + index);
        const requests = numbers.map((number) => ({ PutRequest: { Item: itemOf(number) } }));
        await this.#client.send(new BatchWriteItemCommand({ RequestItems: { [this.#table]: requests } }));
        done += 1;
        onProgress(done / firsts.length);
      },
      { concurrency: AT_ONCE },
    );
  }

  /** Writes one after the other. How long each took, ms. */
  async time(count: number): Promise<number[]> {
    const tookMs: number[] = [];
    for (let done = 0; done < count; done += 1) {
      const Item = itemOf(this.#written);
      this.#written += 1;
      const startedAtMs = performance.now();
      await this.#client.send(new PutItemCommand({ TableName: this.#table, Item }));
      tookMs.push(performance.now() - startedAtMs);
    }
    return tookMs;
  }
}

const itemOf = (number: number) => {
  const nowMs = Date.now();
  const bookingId = `grown-${number}`;
  return {
    bookingId: { S: bookingId },
    status: { S: 'PENDING' },
    expiresAtMs: { N: String(nowMs + DAY_MS) },
    holdStartedAtMs: { N: String(nowMs) },
    createdAtMs: { N: String(nowMs) },
    pendingShard: { N: String(shardOf(bookingId, SHARD_COUNT)) },
  };
};
