/** What a web page can send to this machine, sent to every server of the local runtime by a client that sets all headers. */
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import {
  CreateTableCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import { CreateQueueCommand, GetQueueAttributesCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type GuardedEngine, LOCAL_CREDENTIALS, REGION, startGuardedDynamoDb, startSqs } from '../../local/engines.ts';
import { startEventBus } from '../../local/event-bus.ts';
import { LocalHttpApi } from '../../local/http-api.ts';
import { startSecrets } from '../../local/secrets.ts';
import { scriptedLambda } from '../support/lambda.ts';

const CLIENT = { region: REGION, credentials: LOCAL_CREDENTIALS };
const stops: (() => Promise<void>)[] = [];

/** What each server is asked for, and whether it was done. */
interface Server {
  endpoint: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
  /** How often the request has had an effect. */
  readonly effects: () => Promise<number> | number;
}
const servers = {} as Record<'api' | 'events' | 'secrets' | 'sqs' | 'dynamodb', Server>;
let dynamodb: GuardedEngine;

beforeAll(async () => {
  let cancelled = 0;
  const lambda = scriptedLambda(() => {
    cancelled += 1;
    return { statusCode: 200, body: '{}' };
  });
  const api = new LocalHttpApi([{ routeKey: '$default', lambda }], () => {});
  const endpoint = await api.listen(0);
  stops.push(() => api.stop());
  servers.api = { endpoint, path: '/api/v1/bookings/seat-1/cancel', headers: {}, body: '', effects: () => cancelled };

  let published = 0;
  const bus = await startEventBus({
    region: REGION,
    account: '000000000000',
    busNames: ['bus'],
    onEvent: () => {
      published += 1;
    },
  });
  stops.push(() => bus.stop());
  servers.events = {
    endpoint: bus.endpoint,
    path: '/',
    headers: { 'x-amz-target': 'AWSEvents.PutEvents' },
    body: JSON.stringify({ Entries: [{ EventBusName: 'bus', Source: 'page', DetailType: 'Forged', Detail: '{}' }] }),
    effects: () => published,
  };

  const secrets = await startSecrets(new Map([['arn', 'token']]));
  stops.push(() => secrets.stop());
  servers.secrets = {
    endpoint: secrets.endpoint,
    path: '/',
    headers: { 'x-amz-target': 'secretsmanager.GetSecretValue' },
    body: '{"SecretId":"arn"}',
    effects: () => 0,
  };

  const sqs = await startSqs({ port: 0, portVariable: 'SQS_PORT' });
  stops.push(() => sqs.stop());
  const queues = new SQSClient({ ...CLIENT, endpoint: sqs.endpoint });
  const { QueueUrl = '' } = await queues.send(new CreateQueueCommand({ QueueName: 'timers' }));
  servers.sqs = {
    endpoint: sqs.endpoint,
    path: '/',
    headers: { 'x-amz-target': 'AmazonSQS.SendMessage', 'content-type': 'application/x-amz-json-1.0' },
    body: JSON.stringify({ QueueUrl, MessageBody: 'forged' }),
    effects: async () => {
      const AttributeNames = ['ApproximateNumberOfMessages'] as const;
      const { Attributes } = await queues.send(
        new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...AttributeNames] }),
      );
      return Number(Attributes?.ApproximateNumberOfMessages);
    },
  };

  dynamodb = await startGuardedDynamoDb({ port: 0, portVariable: 'DYNAMODB_PORT' });
  stops.push(() => dynamodb.stop());
  const tables = new DynamoDBClient({ ...CLIENT, endpoint: dynamodb.directEndpoint });
  await tables.send(
    new CreateTableCommand({
      TableName: 'bookings',
      KeySchema: [{ AttributeName: 'bookingId', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'bookingId', AttributeType: 'S' }],
      BillingMode: 'PAY_PER_REQUEST',
    }),
  );
  servers.dynamodb = {
    endpoint: dynamodb.endpoint,
    path: '/',
    headers: {
      'x-amz-target': 'DynamoDB_20120810.PutItem',
      'content-type': 'application/x-amz-json-1.0',
      authorization: `AWS4-HMAC-SHA256 Credential=local/20260101/${REGION}/dynamodb/aws4_request, SignedHeaders=host, Signature=0`,
      'x-amz-date': '20260101T000000Z',
    },
    body: JSON.stringify({ TableName: 'bookings', Item: { bookingId: { S: 'forged' } } }),
    effects: async () => (await tables.send(new ScanCommand({ TableName: 'bookings' }))).Count ?? 0,
  };
});
afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}
/** A request with exactly these headers, on a connection of its own, as a browser has one for each page's origin. */
const send = (
  server: Server,
  method: string,
  headers: Record<string, string>,
  path = server.path,
  body = method === 'POST' ? server.body : '',
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { hostname, port, host } = new URL(server.endpoint);
    const outgoing = httpRequest(
      {
        ...{ hostname, port, path, method, agent: false, setHost: false },
        headers: { host, 'content-length': body.length, ...headers },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk) => {
          text += chunk;
          // The event stream never ends by itself.
          if (response.headers['content-type'] === 'text/event-stream') outgoing.destroy();
        });
        response.once('close', () => resolve({ status: response.statusCode, headers: response.headers, text }));
      },
    );
    outgoing.once('error', reject);
    outgoing.end(body);
  });

const PAGE = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' };
const NAMES = ['api', 'events', 'secrets', 'sqs', 'dynamodb'] as const;

describe.each(NAMES)('a web page', (name) => {
  const refused = async (method: string, headers: Record<string, string>, reason: string) => {
    const server = servers[name];
    const before = await server.effects();
    const { status, headers: answered, text } = await send(server, method, { ...server.headers, ...headers });
    expect(status).toBe(403);
    expect(JSON.parse(text).message).toContain(reason);
    expect(Object.keys(answered).filter((header) => header.startsWith('access-control-'))).toEqual([]);
    expect(await server.effects()).toBe(before);
  };

  test(`cannot use ${name} by a no-cors POST`, async () => {
    await refused('POST', { ...PAGE, 'content-type': 'text/plain' }, 'got https://evil.example');
  });

  test(`cannot use ${name} by a form or from a file, whose Origin is null`, async () => {
    await refused('POST', { origin: 'null', 'content-type': 'text/plain' }, 'got null');
  });

  test(`cannot use ${name} under a name of its own that resolves to this machine`, async () => {
    const { port } = new URL(servers[name].endpoint);
    for (const host of ['evil.example', `evil.example:${port}`, `127.0.0.1.evil.example:${port}`, `10.0.0.1:${port}`]) {
      await refused('POST', { host }, `got ${host}`);
      await refused('GET', { host, origin: `http://${host}` }, `got ${host}`);
    }
  });

  test(`of another server of this machine cannot use ${name}`, async () => {
    await refused('POST', { origin: 'http://127.0.0.1:1', 'sec-fetch-site': 'same-site' }, 'got http://127.0.0.1:1');
  });

  test(`is told by no preflight that it may use ${name}`, async () => {
    const asks = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-amz-target' };
    await refused('OPTIONS', { ...PAGE, ...asks }, 'preflight');
    await refused('OPTIONS', { origin: servers[name].endpoint, ...asks }, 'preflight');
  });

  test(`cannot embed what ${name} answers to a GET`, async () => {
    await refused('GET', { 'sec-fetch-site': 'cross-site' }, 'Sec-Fetch-Site');
  });
});

test.each(NAMES)('a program uses %s by each name of this machine', async (name) => {
  const server = servers[name];
  const { port } = new URL(server.endpoint);
  for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`, 'LOCALHOST']) {
    // What Node's own fetch says about itself.
    const { status, text } = await send(server, 'POST', { ...server.headers, 'sec-fetch-mode': 'cors', host });
    expect([status, text]).toEqual([200, expect.any(String)]);
  }
});

test('a page that the HTTP API serves may call it, and the event stream is open to its own', async () => {
  const own = (name: 'api' | 'events') => ({ origin: servers[name].endpoint, 'sec-fetch-site': 'same-origin' });
  expect((await send(servers.api, 'POST', own('api'))).status).toBe(200);
  expect((await send(servers.events, 'GET', own('events'), '/events')).status).toBe(200);
});

test('a web page cannot listen to the events', async () => {
  const { status, text } = await send(servers.events, 'GET', { origin: 'https://evil.example' }, '/events');
  expect(status).toBe(403);
  expect(text).not.toContain('events of the local runtime');
});

describe('the embedded DynamoDB', () => {
  test('is out of the sight of web pages itself: only the guard is at the address that is told', () => {
    expect(new URL(dynamodb.endpoint).hostname).toBe('127.0.0.1');
    expect(dynamodb.directEndpoint).not.toBe(dynamodb.endpoint);
    if (process.platform === 'linux') expect(new URL(dynamodb.directEndpoint).hostname).toMatch(/^127\.(?!0\.0\.1$)/);
  });

  test('answers a look with a hint, and other methods with what is allowed', async () => {
    const look = await send(servers.dynamodb, 'GET', {});
    expect([look.status, look.text]).toEqual([200, expect.stringContaining('healthy')]);
    expect((await send(servers.dynamodb, 'GET', { 'sec-fetch-site': 'none' })).status).toBe(200);
    expect(await send(servers.dynamodb, 'HEAD', {})).toMatchObject({ status: 200, text: '' });
    const put = await send(servers.dynamodb, 'PUT', {});
    expect([put.status, put.text]).toEqual([405, expect.stringContaining('must be POST, got PUT')]);
  });

  test('takes items up to 400 KB and gives them back whole, many at once, over connections that are reused', async () => {
    const client = new DynamoDBClient({ ...CLIENT, endpoint: dynamodb.endpoint });
    const details = 'ä'.repeat(190_000);
    await Promise.all(
      Array.from({ length: 30 }, async (_, index) => {
        const bookingId = { S: `large-${index}` };
        await client.send(new PutItemCommand({ TableName: 'bookings', Item: { bookingId, details: { S: details } } }));
        const { Item } = await client.send(new GetItemCommand({ TableName: 'bookings', Key: { bookingId } }));
        expect(Item?.details?.S).toBe(details);
      }),
    );
    client.destroy();
  });

  /** Sends bytes in these pieces, ends, and gives back what was answered. */
  const raw = (...pieces: string[]): Promise<string> =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(dynamodb.endpoint);
      const socket = connect({ host: hostname, port: Number(port), noDelay: true }, async () => {
        for (const piece of pieces) {
          socket.write(piece);
          await new Promise((written) => setTimeout(written, 20));
        }
        socket.end();
      });
      let text = '';
      socket.setEncoding('latin1').on('data', (chunk) => {
        text += chunk;
      });
      socket.once('error', reject).once('close', () => resolve(text));
    });
  const post = (headers: string) => `POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}Content-Length: 2\r\n\r\n{}`;

  test('is reached by a request that comes in pieces, from a client that ends its side first', async () => {
    const [head = '', body = ''] = post('X-Amz-Target: DynamoDB_20120810.ListTables\r\n').split(/(?<=\r\n\r)/);
    expect(await raw(head.slice(0, 9), head.slice(9), body)).toMatch(/^HTTP\/1\.1 \d{3} [\s\S]*dynoxide/i);
  });

  test.each([
    ['a second Host', post('Host: evil.example\r\n')],
    ['a second Origin', post('Origin: http://127.0.0.1\r\nOrigin: https://evil.example\r\n')],
    ['a folded line', post('X: 1\r\n Origin: https://evil.example\r\n')],
    ['a space before the colon', post('Origin : https://evil.example\r\n')],
    ['no HTTP', 'hello\r\n\r\n'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a head of 20 KB', post(`X: ${'x'.repeat(20_000)}\r\n`)],
  ])('is not reached by %s', async (_, bytes) => {
    const answer = await raw(bytes);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer.toLowerCase()).not.toContain('dynoxide');
  });

  test('is not reached by a request without Host', async () => {
    expect(await raw('POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}')).toMatch(/^HTTP\/1\.1 403 [\s\S]*got none/);
  });
});

test.each(['events', 'secrets'] as const)('a request that %s cannot read ends no runtime', async (name) => {
  const { path, headers } = servers[name];
  const unreadable = await send(servers[name], 'POST', headers, path, '{');
  expect([unreadable.status, unreadable.text]).toEqual([500, expect.stringContaining('JSON')]);
  expect((await send(servers[name], 'POST', headers)).status).toBe(200);
});

test('a program whose queue URL or table is wrong is told by the service, not by the guard', async () => {
  const queues = new SQSClient({ ...CLIENT, endpoint: servers.sqs.endpoint });
  const QueueUrl = `${servers.sqs.endpoint}/000000000000/nowhere`;
  await expect(queues.send(new SendMessageCommand({ QueueUrl, MessageBody: 'm' }))).rejects.toThrow(/queue/i);
  const tables = new DynamoDBClient({ ...CLIENT, endpoint: dynamodb.endpoint });
  await expect(tables.send(new ScanCommand({ TableName: 'nowhere' }))).rejects.toThrow('resource not found');
});
