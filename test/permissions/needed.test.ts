/**
 * Every role has what it needs and nothing else. What the Lambdas need is found out by making the real bundles do each of
 * their duties, on the template with a key of the customer's own; what AWS's services need follows from the template.
 */
import { join } from 'node:path';
import { type AttributeValue, DeleteItemCommand, DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SWEEP_STATE_ID } from '../../functions/contract.ts';
import { encodeTimer } from '../../functions/core/expiry-timer.ts';
import { LOCAL_CREDENTIALS, REGION } from '../../local/account.ts';
import { type LossyQueue, startLossyQueue } from '../../local/lossy-queue.ts';
import type { Grant } from '../../local/permissions/policy.ts';
import type { AccessSeen } from '../../local/permissions/runtime-permissions.ts';
import { type LocalRuntime, startRuntime } from '../../local/runtime.ts';
import { PROJECT_DIRECTORY, synthesize } from '../../local/synth.ts';
import { readAssembly, resourcesOf, type Template } from '../../local/template.ts';
import { startFaultyEngine } from '../support/faulty-engine.ts';
import { sqsEvent, streamEvent, streamRecord } from '../support/records.ts';
import { KEY } from '../support/stack.ts';

const ASSEMBLY = join(PROJECT_DIRECTORY, '.local', 'test-assembly-with-key');
const MINUTE_MS = 60_000;

let template: Template;
let runtime: LocalRuntime;
let lossyQueue: LossyQueue;
let table: Awaited<ReturnType<typeof startFaultyEngine>>;
let administrator: DynamoDBClient;
const seen: AccessSeen[] = [];
const problems: string[] = [];

beforeAll(async () => {
  await synthesize(ASSEMBLY, { kmsKeyArn: KEY });
  ({ template } = readAssembly(ASSEMBLY));
  lossyQueue = await startLossyQueue((body) => body.includes('"lost-'));
  table = await startFaultyEngine();
  runtime = await startRuntime({
    assemblyDirectory: ASSEMBLY,
    schedulePeriodMs: 'never',
    changeEnvironment: (environment) => {
      table.forwardTo(environment.AWS_ENDPOINT_URL_DYNAMODB ?? '');
      return {
        ...environment,
        AWS_ENDPOINT_URL_DYNAMODB: table.endpoint,
        AWS_ENDPOINT_URL_SQS: lossyQueue.endpoint,
        TIMER_QUEUE_URL: environment.TIMER_QUEUE_URL?.replace(/^http:\/\/[^/]+/, lossyQueue.endpoint) ?? '',
      };
    },
    onAccess: (access) => seen.push(access),
    onProblem: (problem) => problems.push(problem),
  });
  lossyQueue.forwardTo(runtime.sqsEndpoint);
  administrator = new DynamoDBClient({
    region: REGION,
    credentials: LOCAL_CREDENTIALS,
    endpoint: runtime.dynamodbEndpoint,
  });
});
afterAll(async () => {
  administrator.destroy();
  await runtime.stop();
  await lossyQueue.stop();
  await table.stop();
});

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

describe('does all of its duties:', () => {
  test('schedule-expiry', async () => {
    const near = () => ({ bookingId: 'never written', expiresAtMs: Date.now() + MINUTE_MS });
    // Adopted by nobody: it is not there. A look tells.
    await invoke('ScheduleExpiryFunction', streamEvent(streamRecord(near())));
    table.become('answering 500', 'BatchExecuteStatement');
    await invoke('ScheduleExpiryFunction', streamEvent(streamRecord(near())));
    table.become('well');
    // No key of a table can be so long: it ends in the dead-letter queue.
    await invoke('ScheduleExpiryFunction', streamEvent(streamRecord({ ...near(), bookingId: 'x'.repeat(3_000) })));
  });

  test('expire-booking', async () => {
    const lapsed = encodeTimer({ bookingId: 'gone', expiresAtMs: Date.now() - 1_000 });
    const tooEarly = encodeTimer({ bookingId: 'later', expiresAtMs: Date.now() + 60 * MINUTE_MS });
    // The write for a booking that is gone is refused, and a look tells that it is.
    await invoke('ExpireBookingFunction', sqsEvent(lapsed, tooEarly, 'no timer'));
    table.become('answering 500');
    expect(await invoke('ExpireBookingFunction', sqsEvent(lapsed))).toMatchObject({ batchItemFailures: [{}] });
    table.become('well');
  });

  test('sweep', async () => {
    await putOverdue('lost-1');
    await putOverdue('settled', { status: { S: 'CONFIRMED' } });
    await putComingNear('far');
    await invoke('SweepFunction', {});
    await putOverdue('lost-2');
    table.become('answering 500', 'BatchExecuteStatement');
    await invoke('SweepFunction', {});
    table.become('well');
  });

  test('publish-events', async () => {
    const pending = { bookingId: 'expired', expiresAtMs: Date.now() - 1_000 };
    await invoke('PublishEventsFunction', streamEvent(streamRecord({ ...pending, status: 'EXPIRED' }, pending)));
  });

  test('bookings-api', async () => {
    expect((await api('/bookings', 'POST', { bookingId: 'seat', holdSeconds: 600 })).status).toBe(201);
    expect((await api('/bookings/seat/confirm', 'POST')).status).toBe(200);
    expect((await api('/bookings/seat')).status).toBe(200);
    expect((await api('/bookings?status=PENDING')).status).toBe(200);
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
    expect((await sweepByWebhook()).status).toBe(200);
    await putOverdue('lost-4');
    table.become('answering 500', 'BatchExecuteStatement');
    expect((await sweepByWebhook()).status).toBe(200);
    table.become('well');
  });
});

/** Each action of each role on each resource, by its place in the template: `policy, statement, action, resource`. */
const granted = (): Map<string, string> =>
  new Map(
    resourcesOf(template, 'AWS::IAM::Policy').flatMap(([policy, { PolicyDocument }]) =>
      (PolicyDocument as { Statement: { Action: string | string[]; Resource: unknown }[] }).Statement.flatMap(
        ({ Action, Resource }, index) =>
          [Action]
            .flat()
            .flatMap((action) =>
              [Resource]
                .flat()
                .map((resource, place): [string, string] => [
                  `${policy} ${index} ${action} ${place}`,
                  `${policy}: ${action} on ${JSON.stringify(resource)}`,
                ]),
            ),
      ),
    ),
  );
const placeOf = ({ statement, action, resource }: Grant): string =>
  `${statement.policy} ${statement.index} ${action} ${statement.resources.indexOf(resource)}`;

describe('afterwards', () => {
  test('nothing that anybody needed was refused', () => {
    expect(problems).toEqual([]);
    expect(seen.filter(({ decision }) => decision.kind !== 'allowed')).toEqual([]);
  });

  test('there is no granted action whose loss nobody would have noticed', () => {
    const missed = granted();
    for (const { decision } of seen) {
      const [only, ...others] = decision.kind === 'allowed' ? decision.by : [];
      if (only && others.length === 0) missed.delete(placeOf(only));
    }
    expect([...missed.values()]).toEqual([]);
  });
});
