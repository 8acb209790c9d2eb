/** Webhooks from the expiry of a booking to an application: the synthesized template on the local runtime, and its command. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { GetQueueAttributesCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { Webhook as Verifier } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { BookingStore } from '../../functions/adapters/booking-store.ts';
import { SECRETS_FRESH_MS } from '../../functions/adapters/webhook-secrets.ts';
import { LOCAL_CREDENTIALS, REGION } from '../../local/account.ts';
import { clockOffset } from '../../local/moved-clock.ts';
import { PROJECT_DIRECTORY, synthesize } from '../../service/project.ts';
import { type OwnRuntime, startOwnRuntime } from '../../service/service.ts';
import { eventually } from '../support/lambda.ts';
import { answering, type Received, type Receiver, startReceiver } from '../support/receiver.ts';
import { expectUsageError, startScript } from '../support/script.ts';
import { bookingStoreAt } from '../support/store.ts';

const MINUTE_MS = 60_000;
const DIRECTORY = join(PROJECT_DIRECTORY, '.local', 'test-webhooks');
const RUNTIME_FILE = join(DIRECTORY, 'runtime.json');

let receiver: Receiver;
let runtime: OwnRuntime;
let store: BookingStore;
let sqs: SQSClient;
/** Moves the clocks of the Lambda of the webhooks, and the minutes of the alarms. */
const offset = clockOffset();
const lines: string[] = [];
const problems: string[] = [];

beforeAll(async () => {
  receiver = await startReceiver();
  const assemblyDirectory = join(DIRECTORY, 'assembly');
  await synthesize(assemblyDirectory, { webhookUrl: receiver.url });
  vi.stubEnv('RUNTIME_FILE', RUNTIME_FILE);
  runtime = await startOwnRuntime({
    assemblyDirectory,
    announce: true,
    schedulePeriodMs: 'never',
    clock: () => Date.now() + (offset[0] ?? 0),
    clockOffsetOf: (logicalId) => (logicalId === 'SendWebhooksFunction' ? offset : undefined),
    onLogLine: (logicalId, line) => {
      if (logicalId === 'SendWebhooksFunction') lines.push(line);
    },
    onProblem: (problem) => problems.push(problem),
  });
  sqs = new SQSClient({ region: REGION, credentials: LOCAL_CREDENTIALS, endpoint: runtime.sqsEndpoint });
  store = bookingStoreAt(runtime.dynamodbEndpoint, runtime.outputs.BookingsTableName ?? '', 10);
});
afterAll(async () => {
  await runtime.stop();
  await receiver.stop();
  vi.unstubAllEnvs();
  rmSync(DIRECTORY, { recursive: true, force: true });
});

const webhooks = (...args: string[]) => startScript('commands/webhooks.ts', args, { RUNTIME_FILE }).ended;
const json = async (...args: string[]) => JSON.parse((await webhooks(...args, '--json')).out);
const receivedOf = (bookingId: string): Received[] =>
  receiver.received.filter(({ body }) => JSON.parse(body).data.bookingId === bookingId);
const waitingIn = async (output: string): Promise<Record<string, number>> => {
  const { Attributes = {} } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: runtime.outputs[output], AttributeNames: ['All'] }),
  );
  return {
    visible: Number(Attributes.ApproximateNumberOfMessages),
    delayed: Number(Attributes.ApproximateNumberOfMessagesDelayed),
    away: Number(Attributes.ApproximateNumberOfMessagesNotVisible),
  };
};
/** By a receiver whose clock says what the sender's does. */
const verify = (secret: string, { headers, body }: Received): unknown => {
  const now = vi.spyOn(Date, 'now').mockReturnValue(Number(headers['webhook-timestamp']) * 1_000);
  try {
    return new Verifier(secret).verify(body, headers);
  } finally {
    now.mockRestore();
  }
};

test('a booking expires, and the application hears of it by a webhook that it can verify', async () => {
  await store.create({ bookingId: 'seat', holdMs: 1_500, details: { row: 7 } }, Date.now());
  const [first] = await eventually(
    () => receivedOf('seat'),
    ({ length }) => length > 0,
  );
  const { expiresAtMs = 0 } = (await store.get('seat')) ?? {};
  expect(new Verifier(runtime.webhookSecret ?? '').verify(first?.body ?? '', first?.headers ?? {})).toMatchObject({
    type: 'BookingExpired',
    data: { bookingId: 'seat', expiresAt: new Date(expiresAtMs).toISOString(), details: { row: 7 } },
  });
  const lagMs = (first?.atMs ?? 0) - expiresAtMs;
  console.log(`from the deadline to the webhook: ${lagMs} ms`);
  expect(lagMs).toBeGreaterThanOrEqual(0);
  const told = await eventually(
    () => lines.find((line) => line.includes('webhook delivered')),
    (line) => line !== undefined,
  );
  expect(JSON.parse(told ?? '')).toMatchObject({ type: 'BookingExpired', try: 1, status: 204 });
});

test('the application is down for some seconds: its webhook comes after five, with the same id', async () => {
  receiver.answer(answering(503));
  await store.create({ bookingId: 'retried', holdMs: 1_000 }, Date.now());
  await eventually(
    () => receivedOf('retried'),
    ({ length }) => length === 1,
  );
  receiver.answer(answering(200));
  const [first, second] = await eventually(
    () => receivedOf('retried'),
    ({ length }) => length === 2,
  );
  expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
  expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(4_900);
  await eventually(
    () => waitingIn('WebhookRetryQueueUrl'),
    ({ visible = 0, delayed = 0, away = 0 }) => visible + delayed + away === 0,
  );
});

test('a webhook that waits for longer than SQS delays is put aside, and holds up no new one', async () => {
  const body = JSON.stringify({
    'detail-type': 'BookingExpired',
    time: '2026-11-25T12:00:00Z',
    detail: { eventId: 'aside:EXPIRED:1', bookingId: 'aside' },
  });
  const number = (value: number) => ({ DataType: 'Number', StringValue: String(value) });
  await sqs.send(
    new SendMessageCommand({
      QueueUrl: runtime.outputs.WebhookRetryQueueUrl,
      MessageBody: body,
      MessageAttributes: { try: number(8), dueAtMs: number(Date.now() + 11 * 60 * MINUTE_MS) },
    }),
  );
  await eventually(
    () => waitingIn('WebhookRetryQueueUrl'),
    ({ visible, away }) => visible === 0 && away === 1,
  );
  await store.create({ bookingId: 'new', holdMs: 1_000 }, Date.now());
  await eventually(
    () => receivedOf('new'),
    ({ length }) => length === 1,
  );
  expect(receivedOf('aside')).toEqual([]);
});

describe('npm run webhooks', () => {
  test('shows the secret that npm start prints', async () => {
    const { code, out, err } = await webhooks('secret');
    expect([code, out]).toEqual([0, `${runtime.webhookSecret}\n`]);
    expect(err).toContain('npm start, process');
    expect(await json('secret')).toMatchObject({ secret: runtime.webhookSecret, previous: null });
  });

  test('says how the receiver answers a ping', async () => {
    const pinged = await json('ping');
    expect(pinged).toMatchObject({ delivered: true, status: 200, webhookId: expect.stringMatching(/^evt_/) });
    const ping = receiver.received.find(({ headers }) => headers['webhook-id'] === pinged.webhookId);
    expect(ping && new Verifier(runtime.webhookSecret ?? '').verify(ping.body, ping.headers)).toMatchObject({
      type: 'Ping',
    });
    receiver.answer(answering(500));
    const { code, out } = await webhooks('ping');
    expect([code, out]).toEqual([1, expect.stringMatching(/^evt_\S+: the receiver answered 500 \(\d+ ms\)\n$/)]);
    receiver.answer(answering(200));
  });

  test('rotates the secret: the old one goes on signing, the new one signs after five minutes', async () => {
    const { secret, previous } = await json('rotate');
    expect(previous).toBe(runtime.webhookSecret);
    expect(await json('secret')).toMatchObject({ secret, previous });
    const pingAt = async (): Promise<Received> => {
      const { webhookId } = await json('ping');
      const found = receiver.received.find(({ headers }) => headers['webhook-id'] === webhookId);
      if (found === undefined) throw new Error('the ping did not come');
      return found;
    };
    expect(verify(previous, await pingAt())).toBeTruthy();
    offset[0] = SECRETS_FRESH_MS + MINUTE_MS;
    const later = await pingAt();
    offset[0] = 0;
    expect(verify(previous, later)).toBeTruthy();
    expect(verify(secret, later)).toBeTruthy();
    expect(() => verify(`whsec_${Buffer.alloc(32).toString('base64')}`, later)).toThrow('No matching signature');
  });

  test('sends again what was given up, and stops although one of it can never be sent', async () => {
    receiver.answer(answering(410));
    await store.create({ bookingId: 'gone', holdMs: 1_000 }, Date.now());
    await sqs.send(new SendMessageCommand({ QueueUrl: runtime.outputs.WebhookQueueUrl, MessageBody: 'no event' }));
    await eventually(
      () => waitingIn('SendWebhooksDeadLetterQueueUrl'),
      ({ visible }) => visible === 2,
    );
    const listed = await json('redrive', '--dry-run');
    expect(listed.wouldSend).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ type: 'BookingExpired', reason: expect.stringContaining('answered 410') }),
        expect.objectContaining({ webhookId: null, reason: expect.stringContaining('MalformedWebhookError') }),
      ]),
    );
    expect(receivedOf('gone')).toHaveLength(1);
    receiver.answer(answering(200));
    const { out, code } = await webhooks('redrive');
    expect([code, out]).toEqual([0, expect.stringContaining('Sent 2 webhook(s) again')]);
    const [first, second] = await eventually(
      () => receivedOf('gone'),
      ({ length }) => length === 2,
    );
    expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
    await eventually(
      () => waitingIn('SendWebhooksDeadLetterQueueUrl'),
      ({ visible }) => visible === 1,
    );
  });

  test('sends again events that are too large for one request together', async () => {
    const ids = ['large-1', 'large-2', 'large-3', 'large-4', 'large-5'];
    for (const bookingId of ids) {
      const detail = { eventId: `${bookingId}:EXPIRED:1`, bookingId, details: { text: 'x'.repeat(250_000) } };
      const event = { 'detail-type': 'BookingExpired', time: '2026-11-25T12:00:00Z', detail };
      await sqs.send(
        new SendMessageCommand({
          QueueUrl: runtime.outputs.SendWebhooksDeadLetterQueueUrl,
          MessageBody: JSON.stringify(event),
        }),
      );
    }
    const { failed, webhooks: sent } = await json('redrive');
    expect([failed, sent.filter(({ type }: { type: string | null }) => type !== null)]).toEqual([
      0,
      expect.objectContaining({ length: ids.length }),
    ]);
    await eventually(
      () => ids.map((bookingId) => receivedOf(bookingId).length),
      (counts) => counts.every((count) => count === 1),
    );
    // The one of the test above that can never be sent comes back.
    await eventually(
      () => waitingIn('SendWebhooksDeadLetterQueueUrl'),
      ({ visible }) => visible === 1,
    );
  });

  test.each([
    [[], 'an action must be given, one of secret, rotate, ping, redrive, got none'],
    [['send'], 'got send'],
    [['ping', 'redrive'], 'got ping redrive'],
    [['ping', '--dry-run'], '--dry-run goes with redrive'],
    [['ping', '--loud'], "Unknown option '--loud'"],
  ])('with %j is refused', async (args, reason) => {
    expectUsageError(await webhooks(...args), reason, 'npm run webhooks');
  });
});

describe('the alarm', () => {
  const stateOf = async (name: string) =>
    (await runtime.checkAlarms()).find((alarm) => alarm.name.endsWith(`/${name}`))?.state;
  const pass = async (minutes: number) => {
    for (let minute = 0; minute < minutes; minute += 1) {
      await runtime.checkAlarms();
      offset[0] = (offset[0] ?? 0) + MINUTE_MS;
    }
  };

  test('dead-letters goes on with a webhook that was given up', async () => {
    await pass(1);
    expect(
      await eventually(
        () => stateOf('dead-letters'),
        (state) => state === 'ALARM',
      ),
    ).toBe('ALARM');
  });

  test('webhooks-late goes on while one waits for another try for fifteen minutes, not before, and off again', async () => {
    // One has been waiting since a test above.
    expect((await waitingIn('WebhookRetryQueueUrl')).away).toBe(1);
    await pass(5);
    const before = await stateOf('webhooks-late');
    await pass(15);
    expect([
      before,
      await eventually(
        () => stateOf('webhooks-late'),
        (state) => state === 'ALARM',
      ),
    ]).toEqual(['OK', 'ALARM']);
  });
});

test('nothing went wrong meanwhile that nobody asked for', () => {
  expect(problems).toEqual([]);
});
