/** An engine fails for a while, in every way that we can make, while deadlines lapse; then it comes back. */
import { setTimeout as sleep } from 'node:timers/promises';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { LOCAL_CREDENTIALS, REGION } from '../../local/engines.ts';
import { openDynamoDb, openSqs } from '../../local/open-engines.ts';
import { type Mode, startFaultyEngine } from '../support/faulty-engine.ts';
import { eventually } from '../support/lambda.ts';
import { startTestRuntime } from '../support/runtime.ts';
import { bookingStoreAt } from '../support/store.ts';

const MODES: Mode[] = ['unreachable', 'throttling', 'answering 500', 'slow'];
const OUTAGE_MS = 3_000;
const BOOKINGS = 6;

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const stop of stops.splice(0).reverse()) await stop();
});

const startFaultyService = async () => {
  const [dynamodb, sqs] = await Promise.all([openDynamoDb(), openSqs()]);
  const faulty = { DynamoDB: await startFaultyEngine(dynamodb.endpoint), SQS: await startFaultyEngine(sqs.endpoint) };
  stops.push(
    () => dynamodb.stop(),
    () => sqs.stop(),
    () => faulty.DynamoDB.stop(),
    () => faulty.SQS.stop(),
  );
  vi.stubEnv('DYNAMODB_ENDPOINT', faulty.DynamoDB.endpoint);
  vi.stubEnv('SQS_ENDPOINT', faulty.SQS.endpoint);
  // A timer whose receive got lost with its connection is in flight for two minutes: the sweep is quicker.
  const runtime = await startTestRuntime({ schedulePeriodMs: 5_000 });
  stops.push(() => runtime.stop());
  const client = { region: REGION, credentials: LOCAL_CREDENTIALS };
  // The application reaches its own engines: what is tested is the service.
  const store = bookingStoreAt(dynamodb.endpoint, runtime.outputs.BookingsTableName ?? '', 10);
  const deadLetters = async (): Promise<number> => {
    const { Attributes } = await new SQSClient({ ...client, endpoint: sqs.endpoint }).send(
      new GetQueueAttributesCommand({
        QueueUrl: runtime.outputs.TimerDeadLetterQueueUrl?.replace(faulty.SQS.endpoint, sqs.endpoint),
        AttributeNames: ['ApproximateNumberOfMessages'],
      }),
    );
    return Number(Attributes?.ApproximateNumberOfMessages);
  };
  return { faulty, store, deadLetters };
};

describe.each(['DynamoDB', 'SQS'] as const)('%s', (engine) => {
  test('unreachable, throttling, answering 500 and slow, each for a while: every booking expires after it, none early, none that was paid', async () => {
    const { faulty, store, deadLetters } = await startFaultyService();
    const bookings: { bookingId: string; expiresAtMs: number; paid: boolean }[] = [];
    for (const mode of MODES) {
      // Written while all is well, and while it is not: deadlines before, during and after the outage.
      const write = (when: string, holdMs: number) =>
        Promise.all(
          Array.from({ length: BOOKINGS }, async (_, number) => {
            const bookingId = `${mode.replace(/ /g, '-')}-${when}-${number}`;
            const nowMs = Date.now();
            await store.create({ bookingId, holdMs: holdMs + number * 300 }, nowMs);
            const paid = number === 0 && (await store.confirm(bookingId, Date.now())).kind === 'moved';
            bookings.push({ bookingId, expiresAtMs: nowMs + holdMs + number * 300, paid });
          }),
        );
      await write('before', 2_500);
      await sleep(700);
      faulty[engine].become(mode);
      await write('during', 1_500);
      await sleep(OUTAGE_MS);
      faulty[engine].become('well');
    }
    expect(faulty[engine].failures()).toBeGreaterThan(MODES.length);
    expect(bookings.some(({ paid }) => paid)).toBe(true);
    for (const { bookingId, paid, expiresAtMs } of bookings) {
      const found = await eventually(
        () => store.get(bookingId),
        (booking) => paid || booking?.status === 'EXPIRED',
        60_000,
      );
      expect(found?.status, bookingId).toBe(paid ? 'CONFIRMED' : 'EXPIRED');
      if (!paid) expect(found?.expiredAtMs).toBeGreaterThanOrEqual(expiresAtMs);
    }
    expect(await deadLetters()).toBe(0);
  }, 180_000);
});
