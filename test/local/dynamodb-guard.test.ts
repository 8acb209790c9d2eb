/** The guard before the embedded DynamoDB passes bytes as they are, whatever the engine behind it does with them. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { type DynamoDbGuard, startDynamoDbGuard } from '../../local/dynamodb-guard.ts';
import { eventually } from '../support/lambda.ts';

const REQUEST = 'POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{}';
const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

const listening = (server: Server): Promise<number> =>
  new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : 0);
    });
  });

/** A guard before a stand-in for the engine. */
const givenEngine = async (onConnection: (socket: Socket) => void): Promise<DynamoDbGuard> => {
  const engine = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    stops.push(() => socket.destroy());
    onConnection(socket);
  });
  const port = await listening(engine);
  stops.push(() => engine.close());
  const guard = await startDynamoDbGuard(`http://127.0.0.1:${port}`, 0);
  stops.push(() => guard.stop());
  return guard;
};

const connectTo = ({ endpoint }: DynamoDbGuard): Socket => {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(endpoint).port), allowHalfOpen: true });
  socket.on('error', () => {});
  stops.push(() => socket.destroy());
  return socket;
};
const textOf = async (socket: Socket): Promise<string> => {
  let text = '';
  for await (const chunk of socket) text += chunk;
  return text;
};
/** Resolves when the other side has ended the connection, in whatever way. */
const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.once('end', () => socket.end()).once('close', () => resolve());
    socket.resume();
  });

describe('the guard before DynamoDB', () => {
  test('passes a request on as it came, and a second one on the same connection too', async () => {
    const guard = await givenEngine((socket) => socket.pipe(socket));
    const client = connectTo(guard);
    client.write(REQUEST);
    const second = 'whatever follows is not looked at: POST / HTTP/1.1\r\nOrigin: https://evil.example\r\n\r\n';
    client.end(second);
    expect(await textOf(client)).toBe(REQUEST + second);
  });

  test('passes on that a client has ended its side, and then the answer', async () => {
    const guard = await givenEngine((socket) => {
      socket.resume().once('end', () => socket.end('answered after the end'));
    });
    const client = connectTo(guard);
    client.end(REQUEST);
    expect(await textOf(client)).toBe('answered after the end');
  });

  test('takes no more from the engine than a slow client reads, and loses none of it', async () => {
    const chunk = Buffer.alloc(256 * 1024);
    const size = 512 * chunk.length;
    let sent = 0;
    const answer = function* () {
      for (; sent < size; sent += chunk.length) yield chunk;
    };
    const guard = await givenEngine((socket) => {
      Readable.from(answer()).pipe(socket.resume());
    });
    const client = connectTo(guard);
    client.write(REQUEST);
    // Until no more is taken: what fits into the buffers between the two.
    let before = -1;
    await eventually(
      async () => {
        const isStill = sent > 0 && sent === before;
        before = sent;
        await new Promise((resolve) => setTimeout(resolve, 300));
        return isStill;
      },
      (isStill) => isStill,
    );
    expect(sent).toBeLessThan(size / 2);
    let received = 0;
    client.on('data', (piece) => {
      received += piece.length;
    });
    await closed(client);
    expect(received).toBe(size);
  });

  test.each([
    ['breaks off', (socket: Socket) => socket.once('data', () => socket.resetAndDestroy())],
    ['ends without an answer', (socket: Socket) => socket.once('data', () => socket.end())],
  ])('ends the connection of a client whose engine %s', async (_, behave) => {
    const client = connectTo(await givenEngine(behave));
    client.end(REQUEST);
    await closed(client);
    expect(client.bytesRead).toBe(0);
  });

  test('ends the connection of a client when there is no engine, and goes on', async () => {
    const nobody = createServer();
    const port = await listening(nobody);
    await new Promise((resolve) => nobody.close(resolve));
    const guard = await startDynamoDbGuard(`http://127.0.0.1:${port}`, 0);
    stops.push(() => guard.stop());
    for (let times = 0; times < 2; times += 1) {
      const client = connectTo(guard);
      client.write(REQUEST);
      await closed(client);
    }
  });

  test('ends the engine’s connection when a client breaks off', async () => {
    let engineSide: Socket | undefined;
    const guard = await givenEngine((socket) => {
      engineSide = socket.resume();
    });
    const client = connectTo(guard);
    client.write(REQUEST);
    await eventually(
      () => engineSide?.bytesRead ?? 0,
      (bytes) => bytes === REQUEST.length,
    );
    client.resetAndDestroy();
    await eventually(
      () => engineSide?.readableEnded || engineSide?.destroyed,
      (isOver) => isOver === true,
    );
  });

  test('stops at once, whoever is connected', async () => {
    let reached = false;
    const guard = await givenEngine((socket) => {
      reached = true;
      socket.resume();
    });
    const [idle, busy] = [connectTo(guard), connectTo(guard)];
    busy.write(REQUEST);
    await eventually(
      () => reached,
      (value) => value,
    );
    const over = Promise.all([closed(idle), closed(busy)]);
    await guard.stop();
    await over;
  });
});
