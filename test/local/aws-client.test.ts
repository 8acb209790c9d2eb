/** The requests of what polls: signed as AWS wants it, tried again as an SDK would, and the errors of the services. */
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AwsClient } from '../../local/aws-client.ts';
import { type LoopbackServer, listenOnLoopback } from '../../local/loopback.ts';
import { signerFor } from '../../local/signature.ts';

describe('a signature', () => {
  // AWS's own examples: Signature Version 4 test suite, get-vanilla and post-vanilla.
  const sign = signerFor({
    service: 'service',
    region: 'us-east-1',
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' },
  });
  const nowMs = Date.UTC(2015, 7, 30, 12, 36);

  test.each([
    ['GET', '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
    ['POST', '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
  ])('is that of AWS’s example: %s', (method, signature) => {
    const headers = { host: 'example.amazonaws.com' };
    expect(sign({ method, path: '/', headers, body: '' }, nowMs)).toEqual({
      'x-amz-date': '20150830T123600Z',
      authorization: `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=${signature}`,
    });
  });

  test('is another on the next day, and for another body', () => {
    const signatureOf = (body: string, atMs: number) =>
      sign({ method: 'POST', path: '/', headers: { host: 'h' }, body }, atMs).authorization;
    const day = 86_400_000;
    expect(new Set([signatureOf('a', nowMs), signatureOf('b', nowMs), signatureOf('a', nowMs + day)]).size).toBe(3);
  });
});

describe('a request', () => {
  let server: LoopbackServer;
  let client: AwsClient;
  /** What is answered, one after the other; then success. */
  let answers: ('cut' | { status: number; body: string })[];
  let seen: { target: unknown; body: string; authorization: unknown }[];
  beforeEach(async () => {
    answers = [];
    seen = [];
    server = await listenOnLoopback(async (request, response) => {
      const { 'x-amz-target': target, authorization } = request.headers;
      seen.push({ target, authorization, body: await text(request) });
      const answer = answers.shift() ?? { status: 200, body: '{"Messages":[{"Body":"ä"}]}' };
      if (answer === 'cut') response.destroy();
      else response.writeHead(answer.status).end(answer.body);
    });
    client = new AwsClient({ endpoint: server.endpoint, service: 'sqs' });
  });
  afterEach(async () => {
    client.destroy();
    await server.stop();
  });
  const receive = (signal?: AbortSignal) => client.call('ReceiveMessage', { QueueUrl: 'http://q' }, signal);
  const failure = (status: number, type: string) => ({
    status,
    body: JSON.stringify({ __type: `com.amazonaws.sqs#${type}`, message: 'no' }),
  });

  test('names its operation, is signed, and is answered as the service answered', async () => {
    expect(await receive()).toEqual({ Messages: [{ Body: 'ä' }] });
    expect(seen).toEqual([
      {
        target: 'AmazonSQS.ReceiveMessage',
        body: '{"QueueUrl":"http://q"}',
        authorization: expect.stringMatching(
          /^AWS4-HMAC-SHA256 Credential=.+\/sqs\/aws4_request, .*Signature=[0-9a-f]{64}$/,
        ),
      },
    ]);
  });

  test.each([
    ['a connection that is cut', 'cut'],
    ['an error of the server', failure(500, 'InternalFailure')],
    ['no service', failure(503, 'ServiceUnavailable')],
    ['too many requests', failure(400, 'ThrottlingException')],
    ['an error that is no JSON', { status: 502, body: '<html>' }],
  ] as const)('is made again after %s', async (_, answer) => {
    answers = [answer, answer];
    expect(await receive()).toEqual({ Messages: [{ Body: 'ä' }] });
    expect(seen).toHaveLength(3);
  });

  test('is given up after the third time', async () => {
    answers = [failure(500, 'A'), failure(500, 'B'), failure(500, 'InternalFailure')];
    await expect(receive()).rejects.toMatchObject({ name: 'InternalFailure', message: 'no', status: 500 });
    expect(seen).toHaveLength(3);
  });

  test('that was wrong is not made again, and the error has the name that the service gave it', async () => {
    answers = [failure(400, 'QueueDoesNotExist')];
    await expect(receive()).rejects.toMatchObject({ name: 'QueueDoesNotExist', message: 'no', status: 400 });
    expect(seen).toHaveLength(1);
  });

  test('that nobody serves is tried again, and then tells so', async () => {
    await server.stop();
    await expect(receive()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('that is given up ends at once, and is not made again', async () => {
    const giveUp = new AbortController();
    answers = ['cut'];
    giveUp.abort();
    await expect(receive(giveUp.signal)).rejects.toMatchObject({ name: 'AbortError' });
    expect(seen).toHaveLength(0);
  });
});
