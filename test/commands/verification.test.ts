/** The steps of verify-deployment that only AWS has a counterpart for: what they ask of it, and what they make of its answers. */
import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  CloudWatchClient,
  DescribeAlarmsCommand,
  GetMetricDataCommand,
  SetAlarmStateCommand,
} from '@aws-sdk/client-cloudwatch';
import { DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import {
  DeleteRuleCommand,
  EventBridgeClient,
  PutRuleCommand,
  PutTargetsCommand,
  RemoveTargetsCommand,
} from '@aws-sdk/client-eventbridge';
import { SNSClient, SubscribeCommand, UnsubscribeCommand } from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { alarm, metrics } from '../../commands/verification/alarm-steps.ts';
import { Api } from '../../commands/verification/api.ts';
import { apiBooking } from '../../commands/verification/booking-steps.ts';
import { CleanUp } from '../../commands/verification/clean-up.ts';
import type { Deployment } from '../../commands/verification/deployment.ts';
import { event } from '../../commands/verification/event-step.ts';
import { Ledger } from '../../commands/verification/ledger.ts';
import { runSteps } from '../../commands/verification/run-steps.ts';
import type { Verification } from '../../commands/verification/step.ts';
import { TestBookings } from '../../commands/verification/test-bookings.ts';
import { authorization } from '../../commands/verification/wiring-steps.ts';
import { METRICS, METRICS_NAMESPACE } from '../../functions/contract.ts';

const STACK = 'booking-expiry-prod';
const TOPIC = 'arn:aws:sns:eu-central-1:123456789012:alarms';
const QUEUE = 'arn:aws:sqs:eu-central-1:123456789012:verify';
const RULE = 'arn:aws:events:eu-central-1:123456789012:rule/bus/verify';

const sqs = mockClient(SQSClient);
const sns = mockClient(SNSClient);
const cloudWatch = mockClient(CloudWatchClient);
const eventBridge = mockClient(EventBridgeClient);
const dynamodb = mockClient(DynamoDBClient);

beforeEach(() => {
  for (const client of [sqs, sns, cloudWatch, eventBridge, dynamodb]) client.reset();
  sqs.on(CreateQueueCommand).resolves({ QueueUrl: 'https://sqs/verify' });
  sqs.on(GetQueueAttributesCommand).resolves({ Attributes: { QueueArn: QUEUE } });
  givenMessages();
});

/** Lets everything else go on. */
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** What a look into the temporary queue finds: never at once, as on AWS. */
const givenMessages = (...bodies: object[]) =>
  sqs.on(ReceiveMessageCommand).callsFake(async () => {
    await tick();
    return { Messages: bodies.map((body) => ({ Body: JSON.stringify(body), ReceiptHandle: 'r' })) };
  });

const verificationOf = (apiUrl = 'https://api'): Verification => {
  const ledger = new Ledger();
  const region = { region: 'eu-central-1' };
  const connection = {
    client: new DynamoDBClient(region),
    sqsClient: new SQSClient(region),
    place: { table: 'bookings' },
  };
  const deployment = {
    stackName: STACK,
    client: region,
    ledger,
    outputs: { AlarmTopicArn: TOPIC, EventBusName: 'bus' },
    connection,
  } as unknown as Deployment;
  const pause = (): Promise<void> => tick();
  return {
    deployment,
    api: new Api(apiUrl, { region: 'eu-central-1', credentials: CREDENTIALS }, ledger),
    bookings: new TestBookings(deployment.connection, 'run', pause),
    cleanUp: new CleanUp(),
    runId: 'run',
    holdMs: 2_000,
    patienceMs: 50,
    far: false,
    pause,
  };
};
const CREDENTIALS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret', sessionToken: 'session' };
const outcomeOf = async (step: typeof alarm, verification = verificationOf()) =>
  (await runSteps([step], verification, new Set(), { onStart: () => {}, onResult: () => {} }))[0];
/** What was asked of the mocks, by command, in order. */
const asked = (...clients: { calls(): { args: readonly unknown[] }[] }[]) =>
  clients.flatMap((client) => client.calls().map(({ args: [command] }) => (command as object).constructor.name));

describe('the step alarm', () => {
  const givenAlarms = (...states: [name: string, state: 'OK' | 'ALARM', actions?: string[]][]) =>
    cloudWatch.on(DescribeAlarmsCommand).resolves({
      MetricAlarms: states.map(([name, StateValue, AlarmActions = [TOPIC]]) => ({
        AlarmName: `${STACK}/${name}`,
        StateValue,
        AlarmActions,
      })),
    });
  const givenMessage = (AlarmName: string) => givenMessages({ AlarmName, NewStateValue: 'ALARM' });
  beforeEach(() => {
    sns.on(SubscribeCommand).resolves({ SubscriptionArn: `${TOPIC}:subscription` });
  });

  test('sets off an alarm, hears it through a queue that only the topic may send to, and takes everything back', async () => {
    givenAlarms(['late', 'OK'], ['overdue-found', 'OK']);
    givenMessage(`${STACK}/overdue-found`);
    const verification = verificationOf();
    expect(await outcomeOf(alarm, verification)).toMatchObject({ outcome: 'passed' });
    expect(cloudWatch.commandCalls(SetAlarmStateCommand)[0]?.args[0].input).toMatchObject({
      AlarmName: `${STACK}/overdue-found`,
      StateValue: 'ALARM',
      StateReason: expect.stringContaining('nothing is wrong'),
    });
    expect(sns.commandCalls(SubscribeCommand)[0]?.args[0].input).toMatchObject({ TopicArn: TOPIC, Endpoint: QUEUE });
    const policy = sqs.commandCalls(SetQueueAttributesCommand)[0]?.args[0].input.Attributes?.Policy ?? '';
    expect(JSON.parse(policy).Statement).toEqual([
      expect.objectContaining({
        Principal: { Service: 'sns.amazonaws.com' },
        Condition: { ArnEquals: { 'aws:SourceArn': TOPIC } },
      }),
    ]);

    for (const client of [sqs, sns, cloudWatch]) client.resetHistory();
    expect(await verification.cleanUp.run()).toEqual([]);
    expect(asked(cloudWatch, sns, sqs)).toEqual(['SetAlarmStateCommand', 'UnsubscribeCommand', 'DeleteQueueCommand']);
    expect(cloudWatch.commandCalls(SetAlarmStateCommand)[0]?.args[0].input).toMatchObject({ StateValue: 'OK' });
  });

  test('fails if nothing comes from the topic', async () => {
    givenAlarms(['late', 'OK']);
    givenMessage(`${STACK}/another`);
    expect(await outcomeOf(alarm)).toMatchObject({
      outcome: 'failed',
      detail: expect.stringContaining(`${STACK}/late was set off 3 times, and nothing came from the topic`),
    });
  });

  test('fails, and sets off nothing, if an alarm does not go to the topic', async () => {
    givenAlarms(['late', 'OK'], ['overdue-found', 'OK', []]);
    expect((await outcomeOf(alarm))?.detail).toContain(`do not go to the topic ${TOPIC}: ${STACK}/overdue-found`);
    expect(cloudWatch.commandCalls(SetAlarmStateCommand)).toEqual([]);
  });

  test('chooses one that is not on: setting off an alarm that is on does nothing', async () => {
    givenAlarms(['overdue-found', 'ALARM'], ['late', 'OK']);
    givenMessage(`${STACK}/late`);
    expect((await outcomeOf(alarm))?.detail).toContain(`${STACK}/late, set off by hand, was heard`);
  });

  test('tells what could not be taken back', async () => {
    givenAlarms(['late', 'OK']);
    givenMessage(`${STACK}/late`);
    sns.on(UnsubscribeCommand).rejects(new Error('not authorized'));
    const verification = verificationOf();
    await outcomeOf(alarm, verification);
    expect(await verification.cleanUp.run()).toEqual([`subscription ${TOPIC}:subscription (not authorized)`]);
    expect(sqs.commandCalls(DeleteQueueCommand)).toHaveLength(1);
  });
});

describe('the step metrics', () => {
  const givenData = (...withData: string[]) =>
    cloudWatch.on(GetMetricDataCommand).callsFake(({ MetricDataQueries = [] }) => ({
      MetricDataResults: MetricDataQueries.map(
        ({ Id, MetricStat }: { Id: string; MetricStat: { Metric: { MetricName: string } } }) => ({
          Id,
          Values: withData.includes(MetricStat.Metric.MetricName) ? [1] : [],
        }),
      ),
    }));

  test('asks for the metrics of the stack as its alarms do', async () => {
    givenData(...Object.values(METRICS));
    expect(await outcomeOf(metrics)).toMatchObject({ outcome: 'passed' });
    const [query] = cloudWatch.commandCalls(GetMetricDataCommand)[0]?.args[0].input.MetricDataQueries ?? [];
    expect(query?.MetricStat?.Metric).toEqual({
      Namespace: METRICS_NAMESPACE,
      MetricName: METRICS.lagMs,
      Dimensions: [{ Name: 'service', Value: STACK }],
    });
  });

  test('waits for those that have no data yet', async () => {
    givenData();
    const running = outcomeOf(metrics);
    while (cloudWatch.calls().length < 2) await tick();
    givenData(...Object.values(METRICS));
    expect(await running).toMatchObject({ outcome: 'passed' });
  });
});

describe('the step event', () => {
  beforeEach(() => {
    eventBridge.on(PutRuleCommand).resolves({ RuleArn: RULE });
    eventBridge.on(PutTargetsCommand).resolves({ FailedEntryCount: 0, FailedEntries: [] });
    dynamodb.on(PutItemCommand).resolves({});
    dynamodb
      .on(GetItemCommand)
      .resolves({ Item: { status: { S: 'EXPIRED' }, expiresAtMs: { N: '1' }, expiredAtMs: { N: '2' } } });
  });
  const givenEventOf = (bookingId: string) =>
    givenMessages({
      source: 'booking-expiry',
      'detail-type': 'BookingExpired',
      detail: { bookingId, eventId: 'e' },
    });

  test('hears an expiry by a rule of its own, and takes the rule and the queue back', async () => {
    givenEventOf('verify-run-event-0');
    const verification = verificationOf();
    expect(await outcomeOf(event, verification)).toMatchObject({ outcome: 'passed' });
    const { EventBusName, EventPattern = '' } = eventBridge.commandCalls(PutRuleCommand)[0]?.args[0].input ?? {};
    expect(EventBusName).toBe('bus');
    expect(JSON.parse(EventPattern)).toEqual({
      source: ['booking-expiry'],
      'detail-type': ['BookingExpired'],
      detail: { bookingId: [{ prefix: 'verify-run-event' }] },
    });
    const policy = sqs.commandCalls(SetQueueAttributesCommand)[0]?.args[0].input.Attributes?.Policy ?? '';
    expect(policy).toContain(RULE);

    for (const client of [sqs, eventBridge]) client.resetHistory();
    expect(await verification.cleanUp.run()).toEqual([]);
    expect(eventBridge.commandCalls(RemoveTargetsCommand)).toHaveLength(1);
    expect(eventBridge.commandCalls(DeleteRuleCommand)).toHaveLength(1);
    expect(sqs.commandCalls(DeleteQueueCommand)).toHaveLength(1);
  });

  test('does not take another’s event for its own', async () => {
    givenEventOf('verify-another-run-event-0');
    expect(await outcomeOf(event)).toMatchObject({ outcome: 'failed' });
  });

  test('is refused by a bus that refuses the queue', async () => {
    eventBridge
      .on(PutTargetsCommand)
      .resolves({ FailedEntryCount: 1, FailedEntries: [{ ErrorMessage: 'no such queue' }] });
    expect((await outcomeOf(event))?.detail).toContain('refuses the queue: no such queue');
  });
});

describe('the HTTP API of a deployment', () => {
  let server: Server | undefined;
  afterEach(() => server?.close());
  /** Answers every request alike, and remembers the last. */
  const givenApi = async (status: number, headers: Record<string, string> = {}) => {
    const last: { method: string; url: string; headers: IncomingHttpHeaders; body: string } = {
      method: '',
      url: '',
      headers: {},
      body: '',
    };
    server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const { method = '', url = '' } = request;
      Object.assign(last, { method, url, headers: request.headers, body: Buffer.concat(chunks).toString('utf8') });
      response.writeHead(status, headers).end('{}');
    });
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, last };
  };

  test('gets requests whose signature is that of Signature Version 4', async () => {
    const { url, last } = await givenApi(200);
    const { api } = verificationOf(url);
    await api.call('POST', '/bookings/a%20b/extend', { body: { holdSeconds: 5 } });
    expect(last.headers['x-amz-security-token']).toBe('session');
    expect(last.headers.authorization).toBe(signatureOf(last));
    await api.call('GET', '/bookings?status=PENDING&limit=5');
    expect(last.headers.authorization).toBe(signatureOf(last));
  });

  test('passes the step authorization if it refuses nobody’s requests, and fails it if it takes them', async () => {
    const refusing = await givenApi(403);
    expect(await outcomeOf(authorization, verificationOf(refusing.url))).toMatchObject({ outcome: 'passed' });
    expect(refusing.last.headers.authorization).toBeUndefined();
    server?.close();
    const open = await givenApi(200);
    expect(await outcomeOf(authorization, verificationOf(open.url))).toMatchObject({
      outcome: 'failed',
      detail: expect.stringContaining('must be answered 401 or 403, got 200 and 200'),
    });
  });

  test('that wants a JWT is told from one that wants a permission', async () => {
    const jwt = await givenApi(401, { 'www-authenticate': 'Bearer' });
    expect((await outcomeOf(apiBooking, verificationOf(jwt.url)))?.detail).toContain('give one with --token');
    server?.close();
    const iam = await givenApi(403);
    expect((await outcomeOf(apiBooking, verificationOf(iam.url)))?.detail).toContain('needs execute-api:Invoke');
  });
});

/** The header by the documentation (AWS IAM User Guide, create a signed AWS API request), from what arrived. */
const signatureOf = ({
  method,
  url,
  headers,
  body,
}: {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}): string => {
  const [, signedHeaders = ''] = /SignedHeaders=([^,]+)/.exec(headers.authorization ?? '') ?? [];
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
  const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
  const [path = '', query = ''] = url.split('?');
  const date = String(headers['x-amz-date']);
  const scope = `${date.slice(0, 8)}/eu-central-1/execute-api/aws4_request`;
  const canonical = [
    method,
    // Each part is encoded once more than it was sent, for every service but S3.
    path.split('/').map(encodeURIComponent).join('/'),
    query.split('&').sort().join('&'),
    ...signedHeaders.split(';').map((name) => `${name}:${headers[name]}`),
    '',
    signedHeaders,
    sha256(body),
  ].join('\n');
  const key = ['eu-central-1', 'execute-api', 'aws4_request'].reduce<string | Buffer>(
    (signing, part) => hmac(signing, part),
    hmac(`AWS4${CREDENTIALS.secretAccessKey}`, date.slice(0, 8)),
  );
  const signature = hmac(key, ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n')).toString('hex');
  return `AWS4-HMAC-SHA256 Credential=${CREDENTIALS.accessKeyId}/${scope}, SignedHeaders=${signedHeaders}, Signature=${signature}`;
};
