/** One try of a webhook, at a real receiver that behaves well or badly. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Webhook as Verifier } from 'standardwebhooks';
import { afterEach, describe, expect, test } from 'vitest';
import { WebhookPost, type WebhookPostOptions } from '../../functions/adapters/webhook-post.ts';
import { webhookOf } from '../../functions/core/webhook.ts';
import { answering, type Received, type Receiver, selfSigned, startReceiver } from '../support/receiver.ts';

const SECRET = `whsec_${Buffer.from('a secret of the receiver, 32 by.').toString('base64')}`;
const OTHER_SECRET = `whsec_${Buffer.from('another secret of the receiver..').toString('base64')}`;

const WEBHOOK = webhookOf(
  JSON.stringify({
    'detail-type': 'BookingExpired',
    time: '2026-11-25T12:00:00Z',
    detail: { version: 1, eventId: 'Sitz „7“ / Loge:EXPIRED:1790000000000', bookingId: 'Sitz „7“ / Loge' },
  }),
);

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const givenReceiver = async (tls?: Parameters<typeof startReceiver>[0]): Promise<Receiver> => {
  const receiver = await startReceiver(tls);
  stops.push(() => receiver.stop());
  return receiver;
};
const poster = (url: string, overrides: Partial<WebhookPostOptions> = {}): WebhookPost => {
  const post = new WebhookPost({ url, secrets: async () => [SECRET], clock: Date.now, ...overrides });
  stops.push(() => post.close());
  return post;
};

const onlyOne = ({ received }: Receiver): Received => {
  const [first, ...others] = received;
  if (first === undefined || others.length > 0) throw new Error(`one must have come, got ${received.length}`);
  return first;
};

describe('a webhook', () => {
  test('arrives as the specification says, and is verified by its library', async () => {
    const receiver = await givenReceiver();
    expect(await poster(receiver.url).post(WEBHOOK)).toEqual({ kind: 'answered', status: 204 });
    const { path, headers, body } = onlyOne(receiver);
    expect(path).toBe('/hook');
    expect(headers['content-type']).toBe('application/json');
    expect(headers['webhook-id']).toMatch(/^evt_[\w-]{32}$/);
    expect(new Verifier(SECRET).verify(body, headers)).toEqual({
      type: 'BookingExpired',
      timestamp: '2026-11-25T12:00:00Z',
      data: { version: 1, eventId: 'Sitz „7“ / Loge:EXPIRED:1790000000000', bookingId: 'Sitz „7“ / Loge' },
    });
    expect(() => new Verifier(OTHER_SECRET).verify(body, headers)).toThrow('No matching signature');
    expect(() => new Verifier(SECRET).verify(body.replace('7', '8'), headers)).toThrow('No matching signature');
  });

  test('is verified by either of two secrets while they are exchanged', async () => {
    const receiver = await givenReceiver();
    await poster(receiver.url, { secrets: async () => [OTHER_SECRET, SECRET] }).post(WEBHOOK);
    const { headers, body } = onlyOne(receiver);
    expect(headers['webhook-signature']?.split(' ')).toHaveLength(2);
    for (const secret of [SECRET, OTHER_SECRET]) expect(new Verifier(secret).verify(body, headers)).toBeTruthy();
  });

  test('is signed anew for each try, so that it is never too old', async () => {
    const receiver = await givenReceiver();
    let nowMs = Date.now() - 60_000;
    const post = poster(receiver.url, { clock: () => nowMs });
    await post.post(WEBHOOK);
    nowMs += 60_000;
    await post.post(WEBHOOK);
    const [first, second] = receiver.received.map(({ headers }) => headers);
    expect(Number(second?.['webhook-timestamp']) - Number(first?.['webhook-timestamp'])).toBe(60);
    expect(second?.['webhook-id']).toBe(first?.['webhook-id']);
    expect(second?.['webhook-signature']).not.toBe(first?.['webhook-signature']);
  });

  test('goes over a connection that is kept open, and over a new one where the receiver has closed it', async () => {
    const receiver = await givenReceiver();
    const post = poster(receiver.url);
    for (let times = 0; times < 3; times += 1) {
      expect(await post.post(WEBHOOK)).toMatchObject({ status: 204 });
      await sleep(20);
    }
    expect(receiver.connections()).toBe(1);
    receiver.closeIdle();
    expect(await post.post(WEBHOOK)).toMatchObject({ status: 204 });
    expect(receiver.connections()).toBe(2);
  });

  test('goes to a receiver whose certificate is trusted', async () => {
    const certificate = selfSigned();
    const receiver = await givenReceiver(certificate);
    expect(await poster(receiver.url, { ca: certificate.cert }).post(WEBHOOK)).toMatchObject({ status: 204 });
  });
});

describe('a receiver that', () => {
  test.each([200, 202, 299, 400, 404, 410, 429, 500, 503])('answers %d has answered so', async (status) => {
    const receiver = await givenReceiver();
    receiver.answer(answering(status));
    expect(await poster(receiver.url).post(WEBHOOK)).toEqual({ kind: 'answered', status });
  });

  test.each([301, 302, 303, 307, 308])('redirects by %d is not followed', async (status) => {
    const elsewhere = await givenReceiver();
    const receiver = await givenReceiver();
    receiver.answer(answering(status, { location: elsewhere.url }));
    expect(await poster(receiver.url).post(WEBHOOK)).toEqual({ kind: 'answered', status });
    await sleep(50);
    expect(elsewhere.received).toEqual([]);
  });

  test('hangs is given up in time, and nothing of it is left', async () => {
    const receiver = await givenReceiver();
    receiver.answer(() => {});
    const startedAtMs = Date.now();
    expect(await poster(receiver.url, { answerWithinMs: 200 }).post(WEBHOOK)).toEqual({
      kind: 'failed',
      error: 'the receiver did not answer in time',
    });
    expect(Date.now() - startedAtMs).toBeLessThan(5_000);
  });

  test('is slow, but in time, has answered', async () => {
    const receiver = await givenReceiver();
    receiver.answer((response) => setTimeout(() => response.writeHead(200).end(), 300));
    expect(await poster(receiver.url).post(WEBHOOK)).toMatchObject({ status: 200 });
  });

  test('drips its headers is given up in time', async () => {
    const receiver = await givenReceiver();
    receiver.answer((_, { socket }) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      const drip = setInterval(() => socket.write('x-drip: 1\r\n'), 20);
      socket.once('close', () => clearInterval(drip));
    });
    expect(await poster(receiver.url, { answerWithinMs: 300 }).post(WEBHOOK)).toMatchObject({ kind: 'failed' });
  });

  test('drips its body has answered all the same, and the connection is given up', async () => {
    const receiver = await givenReceiver();
    let closed = false;
    receiver.answer((response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write('x'), 20);
      response.once('close', () => {
        closed = true;
        clearInterval(drip);
      });
    });
    const startedAtMs = Date.now();
    expect(await poster(receiver.url).post(WEBHOOK)).toMatchObject({ status: 200 });
    expect(Date.now() - startedAtMs).toBeLessThan(900);
    await expect.poll(() => closed, { timeout: 10_000 }).toBe(true);
  });

  test('answers a gigabyte is not listened to', async () => {
    const receiver = await givenReceiver();
    let written = 0;
    let closed = false;
    receiver.answer((response) => {
      response.writeHead(200);
      response.once('close', () => {
        closed = true;
      });
      const more = (): void => {
        while (!closed && written < 1e9) {
          written += 65_536;
          if (!response.write(Buffer.alloc(65_536))) {
            response.once('drain', more);
            return;
          }
        }
      };
      more();
    });
    expect(await poster(receiver.url).post(WEBHOOK)).toMatchObject({ status: 200 });
    await expect.poll(() => closed, { timeout: 10_000 }).toBe(true);
    expect(written).toBeLessThan(50e6);
  });

  test('sends headers without end is given up', async () => {
    const receiver = await givenReceiver();
    receiver.answer((_, { socket }) => socket.write(`HTTP/1.1 200 OK\r\nx-long: ${'x'.repeat(100_000)}\r\n\r\n`));
    expect(await poster(receiver.url, { answerWithinMs: 2_000 }).post(WEBHOOK)).toMatchObject({ kind: 'failed' });
  });

  test('closes the connection has failed, the first time and the next', async () => {
    const receiver = await givenReceiver();
    receiver.answer((_, { socket }) => socket.destroy());
    const post = poster(receiver.url);
    for (let times = 0; times < 2; times += 1) {
      expect(await post.post(WEBHOOK)).toEqual({ kind: 'failed', error: 'the receiver closed the connection' });
    }
    // On a connection that is used again it may be stale: one more request tells.
    receiver.answer(answering(204));
    await post.post(WEBHOOK);
    receiver.answer((_, { socket }) => socket.destroy());
    await sleep(20);
    const before = receiver.received.length;
    expect(await post.post(WEBHOOK)).toEqual({ kind: 'failed', error: 'the receiver closed the connection' });
    expect(receiver.received.length - before).toBe(2);
  });

  test('is not there has failed', async () => {
    expect(await poster('http://127.0.0.1:1/hook').post(WEBHOOK)).toEqual({
      kind: 'failed',
      error: 'the receiver could not be reached: ECONNREFUSED',
    });
    expect(await poster('https://nowhere.invalid/hook').post(WEBHOOK)).toMatchObject({
      error: expect.stringMatching(/^the receiver could not be reached: E/),
    });
  });

  test('has a certificate that nobody has signed has failed, and has got nothing', async () => {
    const receiver = await givenReceiver(selfSigned());
    expect(await poster(receiver.url).post(WEBHOOK)).toEqual({
      kind: 'failed',
      error: 'the receiver could not be reached: DEPTH_ZERO_SELF_SIGNED_CERT',
    });
    expect(receiver.received).toEqual([]);
  });

  test('speaks another protocol has failed', async () => {
    const receiver = await givenReceiver();
    receiver.answer((_, { socket }) => socket.end('220 mail.example.com ESMTP\r\n'));
    expect(await poster(receiver.url).post(WEBHOOK)).toMatchObject({ kind: 'failed' });
  });
});

test('a webhook that cannot be signed is not sent', async () => {
  const receiver = await givenReceiver();
  const secrets = () => Promise.reject(new Error('no secret'));
  await expect(poster(receiver.url, { secrets }).post(WEBHOOK)).rejects.toThrow('no secret');
  expect(receiver.received).toEqual([]);
});
