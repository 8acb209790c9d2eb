/**
 * What each Lambda must be able to do, its error paths included, done for real: by the bundles of a template, on the local
 * runtime, with engines that lose and fail on command.
 */
import assert from 'node:assert/strict';
import { type AttributeValue, DeleteItemCommand, DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import type { SQSBatchResponse } from 'aws-lambda';
import { startLossyQueue } from '../../demo/lossy-queue.ts';
import { SWEEP_STATE_ID } from '../../functions/contract.ts';
import { encodeTimer } from '../../functions/core/expiry-timer.ts';
import { LOCAL_CREDENTIALS, REGION } from '../../local/account.ts';
import type { AccessSeen } from '../../local/permissions/runtime-permissions.ts';
import { startOwnRuntime } from '../../service/service.ts';
import { startFaultyEngine } from '../support/faulty-engine.ts';
import { answering, startReceiver } from '../support/receiver.ts';
import { sqsEvent, streamEvent, streamRecord, timerMessage } from '../support/records.ts';
import { KEY } from '../support/stack.ts';

const MINUTE_MS = 60_000;

export const LAMBDAS = [
  'schedule-expiry',
  'expire-booking',
  'sweep',
  'publish-events',
  'bookings-api',
  'send-webhooks',
] as const;

/** With these the template has every role that it may have. The address is not called: the duties have a receiver of their own. */
export const WHOLE_SETTINGS = {
  listSettled: true,
  kmsKeyArn: KEY,
  webhookUrl: 'https://app.example.com/hook',
  noticeBeforeSeconds: 60,
} as const;

/** An event as the bus sends it to a queue. */
const webhookEvent = (bookingId: string): string =>
  JSON.stringify({
    'detail-type': 'BookingExpired',
    time: '2026-11-25T12:00:00Z',
    detail: { version: 1, eventId: `${bookingId}:EXPIRED:1`, bookingId },
  });

/** A running template that is asked to do its duties. */
export interface Duties {
  /** What each Lambda must be able to do. They are done one after another. */
  readonly of: Readonly<Record<(typeof LAMBDAS)[number], () => Promise<void>>>;
  /** Every permission that was needed so far. */
  readonly seen: readonly AccessSeen[];
  readonly problems: readonly string[];
  stop(): Promise<void>;
}

/** @throws MissingPermissionError if AWS's own services could not do theirs */
export const startDuties = async (assemblyDirectory: string): Promise<Duties> => {
  const seen: AccessSeen[] = [];
  const problems: string[] = [];
  const lossyQueue = await startLossyQueue((body) => body.includes('"lost-'));
  const table = await startFaultyEngine();
  const receiver = await startReceiver();
  const stopHelpers = () => Promise.all([lossyQueue.stop(), table.stop(), receiver.stop()]);
  const runtime = await startOwnRuntime({
    assemblyDirectory,
    schedulePeriodMs: 'never',
    changeEnvironment: (environment) => {
      table.forwardTo(environment.AWS_ENDPOINT_URL_DYNAMODB ?? '');
      return {
        ...environment,
        AWS_ENDPOINT_URL_DYNAMODB: table.endpoint,
        WEBHOOK_URL: receiver.url,
        AWS_ENDPOINT_URL_SQS: lossyQueue.endpoint,
        TIMER_QUEUE_URL: environment.TIMER_QUEUE_URL?.replace(/^http:\/\/[^/]+/, lossyQueue.endpoint) ?? '',
      };
    },
    onAccess: (access) => seen.push(access),
    onProblem: (problem) => problems.push(problem),
  }).catch(async (error) => {
    await stopHelpers();
    throw error;
  });
  lossyQueue.forwardTo(runtime.sqsEndpoint);
  const client = { region: REGION, credentials: LOCAL_CREDENTIALS, endpoint: runtime.dynamodbEndpoint };
  const administrator = new DynamoDBClient(client);

  const invoke = (logicalId: string, event: unknown): Promise<unknown> => {
    const lambda = runtime.lambdas.get(logicalId);
    if (lambda === undefined) throw new Error(`no Lambda ${logicalId}`);
    return lambda.invoke(event);
  };
  const put = (bookingId: string, attributes: Record<string, AttributeValue> = {}) =>
    administrator.send(
      new PutItemCommand({
        TableName: runtime.outputs.BookingsTableName,
        Item: { bookingId: { S: bookingId }, status: { S: 'PENDING' }, ...attributes },
      }),
    );
  const N = (value: number): AttributeValue => ({ N: String(value) });
  /** Overdue, and in the index. Its timer is lost, so that a sweep finds it. */
  const putOverdue = (bookingId: string, others: Record<string, AttributeValue> = {}) =>
    put(bookingId, { expiresAtMs: N(Date.now() - MINUTE_MS), pendingShard: N(3), ...others });
  /** Held for a day until in ten minutes: its timer is sent by a sweep. */
  const putComingNear = (bookingId: string) => {
    const expiresAtMs = Date.now() + 10 * MINUTE_MS;
    return put(bookingId, {
      expiresAtMs: N(expiresAtMs),
      holdStartedAtMs: N(expiresAtMs - 1_440 * MINUTE_MS),
      pendingShard: N(4),
    });
  };

  const api = (path: string, method = 'GET', body?: object, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${runtime.outputs.ApiUrl}/api/v1${path}`, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      ...(body && { body: JSON.stringify(body) }),
    });
  const sweepByWebhook = () =>
    api('/cron/expire-bookings', 'POST', undefined, { authorization: `Bearer ${runtime.cronToken}` });

  const of: Duties['of'] = {
    'schedule-expiry': async () => {
      const near = () => ({ bookingId: 'never written', expiresAtMs: Date.now() + MINUTE_MS });
      // Adopted by nobody: it is not there. A look tells.
      await invoke('ScheduleExpiryFunction', streamEvent(streamRecord(near())));
      table.become('answering 500', 'BatchExecuteStatement');
      await invoke('ScheduleExpiryFunction', streamEvent(streamRecord(near())));
      table.become('well');
      // No key of a table can be so long: it ends in the dead-letter queue.
      await invoke('ScheduleExpiryFunction', streamEvent(streamRecord({ ...near(), bookingId: 'x'.repeat(3_000) })));
    },

    'expire-booking': async () => {
      const noticed = { expiresAtMs: Date.now() + 30_000, holdStartedAtMs: Date.now() - 300_000 };
      await put('noticed', { expiresAtMs: N(noticed.expiresAtMs), holdStartedAtMs: N(noticed.holdStartedAtMs) });
      const notice = encodeTimer({ bookingId: 'noticed', expiresAtMs: noticed.expiresAtMs, kind: 'notice' });
      await invoke('ExpireBookingFunction', sqsEvent(notice));
      const lapsed = encodeTimer({ bookingId: 'gone', expiresAtMs: Date.now() - 1_000 });
      const tooEarly = encodeTimer({ bookingId: 'later', expiresAtMs: Date.now() + 60 * MINUTE_MS });
      // The write for a booking that is gone is refused, and a look tells that it is.
      await invoke('ExpireBookingFunction', sqsEvent(lapsed, tooEarly, 'no timer'));
      table.become('answering 500');
      const answer = (await invoke('ExpireBookingFunction', sqsEvent(lapsed))) as SQSBatchResponse;
      assert.equal(answer.batchItemFailures.length, 1);
      table.become('well');
    },

    sweep: async () => {
      await putOverdue('lost-1');
      await putOverdue('settled', { status: { S: 'CONFIRMED' } });
      await putComingNear('far');
      await invoke('SweepFunction', {});
      await putOverdue('lost-2');
      table.become('answering 500', 'BatchExecuteStatement');
      await invoke('SweepFunction', {});
      table.become('well');
    },

    'publish-events': async () => {
      const pending = { bookingId: 'expired', expiresAtMs: Date.now() - 1_000 };
      await invoke('PublishEventsFunction', streamEvent(streamRecord({ ...pending, status: 'EXPIRED' }, pending)));
    },

    'send-webhooks': async () => {
      receiver.answer(answering(500));
      await invoke('SendWebhooksFunction', sqsEvent(webhookEvent('posted'), 'no event'));
      // What the other duties expired has come too.
      assert.equal(receiver.received.filter(({ body }) => body.includes('posted')).length, 1);
      // Not due yet: it is put back, in whichever queue it is.
      for (const output of ['WebhookQueueUrl', 'WebhookRetryQueueUrl']) {
        const name = runtime.outputs[output]?.split('/').at(-1);
        await invoke('SendWebhooksFunction', {
          Records: [
            {
              ...timerMessage(webhookEvent('seat')),
              eventSourceARN: `arn:aws:sqs:us-east-1:000000000000:${name}`,
              messageAttributes: {
                try: { dataType: 'Number', stringValue: '6' },
                dueAtMs: { dataType: 'Number', stringValue: String(Date.now() + 60 * MINUTE_MS) },
              },
            },
          ],
        });
      }
    },

    'bookings-api': async () => {
      assert.equal((await api('/bookings', 'POST', { bookingId: 'seat', holdSeconds: 600 })).status, 201);
      const key = { 'idempotency-key': 'seat' };
      assert.equal((await api('/bookings/seat/confirm', 'POST', undefined, key)).status, 200);
      assert.equal((await api('/bookings/seat')).status, 200);
      for (const list of ['status=PENDING', 'status=CONFIRMED', 'customerId=somebody']) {
        assert.equal((await api(`/bookings?${list}`)).status, 200);
      }
      assert.equal((await api('/bookings/seat', 'DELETE')).status, 204);
      const withSlot = { bookingId: 'with-a-slot', holdSeconds: 600, slotIds: ['row-1/seat-1'] };
      assert.equal((await api('/bookings', 'POST', withSlot)).status, 201);
      assert.equal((await api(`/bookings/${withSlot.bookingId}/confirm`, 'POST')).status, 200);
      assert.equal((await api('/slots/row-1%2Fseat-1')).status, 200);
      assert.equal((await api(`/bookings/${withSlot.bookingId}/cancel`, 'POST')).status, 200);
      await putOverdue('lost-3');
      await putOverdue('settled too', { status: { S: 'CONFIRMED' } });
      await putComingNear('far too');
      // The sweep before has been there already.
      await administrator.send(
        new DeleteItemCommand({
          TableName: runtime.outputs.SweepStateTableName,
          Key: { stateId: { S: SWEEP_STATE_ID } },
        }),
      );
      assert.equal((await sweepByWebhook()).status, 200);
      await putOverdue('lost-4');
      table.become('answering 500', 'BatchExecuteStatement');
      assert.equal((await sweepByWebhook()).status, 200);
      table.become('well');
    },
  };
  return {
    of,
    seen,
    problems,
    stop: async () => {
      administrator.destroy();
      await runtime.stop();
      await stopHelpers();
    },
  };
};
