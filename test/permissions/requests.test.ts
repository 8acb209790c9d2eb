/** Requests of the real SDK clients: which permissions each needs, and how one that is refused is answered. */
import {
  BatchExecuteStatementCommand,
  BatchGetItemCommand,
  BatchWriteItemCommand,
  DynamoDBClient,
  ExecuteStatementCommand,
  GetItemCommand,
  ListTablesCommand,
  QueryCommand,
  TransactGetItemsCommand,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { DynamoDBStreamsClient, GetRecordsCommand } from '@aws-sdk/client-dynamodb-streams';
import { EventBridgeClient, ListRulesCommand, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import {
  ChangeMessageVisibilityBatchCommand,
  GetQueueUrlCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type LoopbackServer, listenOnLoopback } from '../../local/loopback.ts';
import type { Access } from '../../local/permissions/gate.ts';
import { guardRequests } from '../../local/permissions/guarded-requests.ts';
import { parsePolicy } from '../../local/permissions/policy.ts';

const HERE = 'us-east-1:000000000000';
const BOOKINGS = `arn:aws:dynamodb:${HERE}:table/bookings`;
const OTHERS = `arn:aws:dynamodb:${HERE}:table/others`;
const STREAM = `${BOOKINGS}/stream/2026-01-01T00:00:00.000`;
const TIMERS = `arn:aws:sqs:${HERE}:timers`;
const ENCRYPTED = `arn:aws:sqs:${HERE}:encrypted`;
const ROLE = 'arn:aws:iam::000000000000:role/expire-booking';
const SESSION = 'arn:aws:sts::000000000000:assumed-role/expire-booking/expire-booking';
const OWN_KEY = 'ASIAEXAMPLE000000000';

let engine: LoopbackServer;
/** What has reached the engine, and by which key. */
const reached: { readonly operation: string; readonly accessKeyId: string | undefined; readonly body: string }[] = [];
let asked: Access[] = [];
const needs = () => asked.map(({ action, resource }) => `${action} ${resource}`);

const statements = parsePolicy(
  {
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: ['dynamodb:*', 'events:*', 'secretsmanager:*'], Resource: '*' },
      { Effect: 'Deny', Action: 'dynamodb:GetItem', Resource: OTHERS },
    ],
  },
  'Policy',
  'identity',
);

/** A gate remembers, so each test asks for something else, or looks at answers only. */
beforeAll(async () => {
  engine = await listenOnLoopback(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    reached.push({
      operation: String(request.headers['x-amz-target']).split('.').at(-1) ?? '',
      accessKeyId: /Credential=([^/]+)/.exec(request.headers.authorization ?? '')?.[1],
      body,
    });
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' }).end('{}');
  });
  guardRequests(
    {
      accessKeyId: OWN_KEY,
      roleArn: ROLE,
      sessionArn: SESSION,
      statements,
      ofResources: {
        [TIMERS]: parsePolicy(
          {
            Version: '2012-10-17',
            Statement: [
              { Effect: 'Allow', Principal: { AWS: ROLE }, Action: 'sqs:ChangeMessageVisibility', Resource: TIMERS },
            ],
          },
          'QueuePolicy',
          'resource',
        ),
        [ENCRYPTED]: parsePolicy(
          {
            Version: '2012-10-17',
            Statement: [{ Effect: 'Allow', Principal: { AWS: ROLE }, Action: 'sqs:*', Resource: ENCRYPTED }],
          },
          'QueuePolicy',
          'resource',
        ),
      },
      keys: { [ENCRYPTED]: 'arn:aws:kms:us-east-1:000000000000:key/k' },
      knownArns: { tables: { bookings: BOOKINGS }, queues: { timers: TIMERS, encrypted: ENCRYPTED } },
    },
    'local',
    (access) => asked.push(access),
  );
});
afterAll(() => engine.stop());
beforeEach(() => {
  asked = [];
  reached.length = 0;
});

const settings = (accessKeyId = OWN_KEY) => ({
  region: 'us-east-1',
  endpoint: engine.endpoint,
  credentials: { accessKeyId, secretAccessKey: 'x' },
  maxAttempts: 1,
});
const dynamodb = () => new DynamoDBClient(settings());
const sqs = () => new SQSClient({ ...settings(), md5: false });
const queueUrl = (name: string) => `${engine.endpoint}/000000000000/${name}`;
/** The error of a request that is refused. */
const refusal = (sending: Promise<unknown>) =>
  sending.then(
    () => expect.fail('it was not refused'),
    (error) => ({ name: error.name, message: error.message, status: error.$metadata.httpStatusCode }),
  );
const key = (id: string) => ({ bookingId: { S: id } });

describe('to DynamoDB needs', () => {
  test('a read of an index: the index', async () => {
    await dynamodb().send(new QueryCommand({ TableName: 'bookings', IndexName: 'pending-by-expiry' }));
    expect(needs()).toEqual([`dynamodb:Query ${BOOKINGS}/index/pending-by-expiry`]);
  });

  test('a batch: its action on each of its tables', async () => {
    const Keys = [key('1')];
    await dynamodb().send(new BatchGetItemCommand({ RequestItems: { bookings: { Keys }, others: { Keys } } }));
    await dynamodb().send(
      new BatchWriteItemCommand({ RequestItems: { bookings: [{ DeleteRequest: { Key: key('1') } }] } }),
    );
    expect(needs()).toEqual([
      `dynamodb:BatchGetItem ${BOOKINGS}`,
      `dynamodb:BatchGetItem ${OTHERS}`,
      `dynamodb:BatchWriteItem ${BOOKINGS}`,
    ]);
  });

  test('a transaction: what each of its parts does', async () => {
    await dynamodb().send(
      new TransactWriteItemsCommand({
        TransactItems: [
          { Put: { TableName: 'bookings', Item: key('1') } },
          { Update: { TableName: 'others', Key: key('1'), UpdateExpression: 'SET a = b' } },
          { Delete: { TableName: 'others', Key: key('2') } },
          { ConditionCheck: { TableName: 'bookings', Key: key('2'), ConditionExpression: 'a = b' } },
        ],
      }),
    );
    await dynamodb().send(
      new TransactGetItemsCommand({ TransactItems: [{ Get: { TableName: 'bookings', Key: key('1') } }] }),
    );
    expect(needs()).toEqual([
      `dynamodb:PutItem ${BOOKINGS}`,
      `dynamodb:UpdateItem ${OTHERS}`,
      `dynamodb:DeleteItem ${OTHERS}`,
      `dynamodb:ConditionCheckItem ${BOOKINGS}`,
      `dynamodb:GetItem ${BOOKINGS}`,
    ]);
  });

  test('a statement in PartiQL: by its verb, on its table or index', async () => {
    const Statements = [
      'UPDATE "bookings" SET "status" = ? WHERE "bookingId" = ?',
      `INSERT INTO "bookings" VALUE {'bookingId': ?}`,
      'delete from bookings where bookingId = ?',
      'SELECT "from", bookingId FROM "bookings"."pending-by-expiry" WHERE pendingShard = ?',
    ].map((Statement) => ({ Statement }));
    await dynamodb().send(new BatchExecuteStatementCommand({ Statements }));
    expect(needs()).toEqual([
      `dynamodb:PartiQLUpdate ${BOOKINGS}`,
      `dynamodb:PartiQLInsert ${BOOKINGS}`,
      `dynamodb:PartiQLDelete ${BOOKINGS}`,
      `dynamodb:PartiQLSelect ${BOOKINGS}/index/pending-by-expiry`,
    ]);
  });

  test('what takes no resource: its action on everything; a stream: the stream', async () => {
    await dynamodb().send(new ListTablesCommand({}));
    await new DynamoDBStreamsClient(settings()).send(new GetRecordsCommand({ ShardIterator: `${STREAM}|1|x` }));
    expect(needs()).toEqual(['dynamodb:ListTables *', `dynamodb:GetRecords ${STREAM}`]);
  });
});

describe('to other services needs', () => {
  test('an event: to put events on its bus; a secret: to read it', async () => {
    await new EventBridgeClient(settings()).send(
      new PutEventsCommand({ Entries: [{ EventBusName: 'bus' }, { EventBusName: 'bus' }, {}] }),
    );
    const SecretId = `arn:aws:secretsmanager:${HERE}:secret:token`;
    await new SecretsManagerClient(settings()).send(new GetSecretValueCommand({ SecretId }));
    expect(needs()).toEqual([
      `events:PutEvents arn:aws:events:${HERE}:event-bus/bus`,
      `events:PutEvents arn:aws:events:${HERE}:event-bus/default`,
      `secretsmanager:GetSecretValue ${SecretId}`,
    ]);
  });

  test('a batch to SQS: what each of its entries does, which a queue’s own policy may allow', async () => {
    const Entries = [{ Id: '0', ReceiptHandle: 'r', VisibilityTimeout: 0 }];
    await sqs().send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl('timers'), Entries }));
    expect(needs()).toEqual([`sqs:ChangeMessageVisibility ${TIMERS}`]);
    expect(reached).toHaveLength(1);
  });
});

describe('an allowed request', () => {
  test('reaches the engine as it is, under the engine’s key', async () => {
    const body = { TableName: 'bookings', Key: { bookingId: { S: 'é😀' } } };
    await dynamodb().send(new GetItemCommand(body));
    expect(reached).toEqual([{ operation: 'GetItem', accessKeyId: 'local', body: JSON.stringify(body) }]);
  });
});

describe('a refused request never reaches the engine, and is answered', () => {
  const because = (action: string, resource: string) =>
    `User: ${SESSION} is not authorized to perform: ${action} on resource: ${resource} because no identity-based policy allows the ${action} action`;

  test('by DynamoDB with 400 AccessDeniedException', async () => {
    expect(await refusal(dynamodb().send(new GetItemCommand({ TableName: 'others', Key: key('1') })))).toEqual({
      name: 'AccessDeniedException',
      message: `User: ${SESSION} is not authorized to perform: dynamodb:GetItem on resource: ${OTHERS} with an explicit deny in an identity-based policy`,
      status: 400,
    });
    expect(reached).toEqual([]);
  });

  test('as a whole, if one part of it is not allowed', async () => {
    const Get = { TableName: 'others', Key: key('1') };
    const sending = dynamodb().send(
      new TransactGetItemsCommand({ TransactItems: [{ Get: { ...Get, TableName: 'bookings' } }, { Get }] }),
    );
    expect(await refusal(sending)).toMatchObject({ name: 'AccessDeniedException' });
    expect(reached).toEqual([]);
  });

  test('by SQS with 403 AccessDenied', async () => {
    const { name, message, status } = await refusal(
      sqs().send(new SendMessageCommand({ QueueUrl: queueUrl('timers'), MessageBody: 'x' })),
    );
    expect(name).toMatch(/^AccessDenied/);
    expect(message).toBe(because('sqs:sendmessage', TIMERS));
    expect(status).toBe(403);
    const Entries = [{ Id: '0', MessageBody: 'x' }];
    await refusal(sqs().send(new SendMessageBatchCommand({ QueueUrl: queueUrl('timers'), Entries })));
    expect(reached).toEqual([]);
  });

  test('by SQS with KMS’s own error where the queue is allowed and its key is not', async () => {
    const sending = sqs().send(new SendMessageCommand({ QueueUrl: queueUrl('encrypted'), MessageBody: 'x' }));
    expect(await refusal(sending)).toMatchObject({
      name: expect.stringMatching(/^K(MS|ms).*AccessDenied/),
      message: because('kms:GenerateDataKey', 'arn:aws:kms:us-east-1:000000000000:key/k'),
    });
    expect(reached).toEqual([]);
  });

  test('if nobody here knows what it needs', async () => {
    const unknown = [
      dynamodb().send(new ExecuteStatementCommand({ Statement: `SELECT 'a' FROM bookings` })),
      dynamodb().send(new ExecuteStatementCommand({ Statement: 'EXPLAIN bookings' })),
      new EventBridgeClient(settings()).send(new ListRulesCommand({})),
    ];
    for (const sending of unknown) {
      expect(await refusal(sending)).toMatchObject({
        name: 'AccessDeniedException',
        message: expect.stringContaining('does not know'),
      });
    }
    expect(reached).toEqual([]);
  });

  test('if it is signed with another key, or goes by another client than Node’s own', async () => {
    const stranger = new DynamoDBClient(settings('ASIASOMEBODYELSE0000'));
    expect(await refusal(stranger.send(new ListTablesCommand({})))).toMatchObject({
      name: 'UnrecognizedClientException',
    });
    const headers = { authorization: 'AWS4-HMAC-SHA256 Credential=x' };
    await expect(fetch(engine.endpoint, { method: 'POST', headers })).rejects.toThrow('not of a signed fetch');
    expect(reached).toEqual([]);
  });

  test('only if it is signed: what is no call to AWS goes its way', async () => {
    expect((await fetch(engine.endpoint, { method: 'POST' })).status).toBe(200);
    expect(asked).toEqual([]);
  });

  test('as before when it is repeated: what was decided once is remembered', async () => {
    const again = () => refusal(sqs().send(new GetQueueUrlCommand({ QueueName: 'timers' })));
    const first = await again();
    expect(await again()).toEqual(first);
    expect(needs()).toEqual([`sqs:GetQueueUrl ${TIMERS}`]);
  });
});
