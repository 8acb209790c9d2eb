/** The embedded SQS finds what is due without a look at what waits, and does with it what it does by itself. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type DelayedMessage, type DelayingQueue, keepDelayedInOrder } from '../../local/delayed-messages.ts';
import { LOCAL_CREDENTIALS, REGION, startSqs } from '../../local/engines.ts';
import { mainOfPackage } from '../../local/paths.ts';

interface Queue extends DelayingQueue {
  readonly messages: { readonly messageId: string }[];
  purge(): void;
}
interface Store {
  createQueue(name: string, url: string, arn: string, attributes: object, tags: object): Queue;
}
const { SqsStore } = (await import(new URL('./sqs/sqsStore.js', mainOfPackage('fauxqs')).href)) as {
  SqsStore: new () => Store;
};
const queueOf = (): Queue => new SqsStore().createQueue('q', 'http://q/0/q', 'arn:aws:sqs:us-east-1:0:q', {}, {});
const NOW_MS = 1_800_000_000_000;
const message = (messageId: string, delayMs: number) => ({ messageId, delayUntil: NOW_MS + delayMs });

describe('a queue whose delayed messages are kept in order', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'] });
    vi.setSystemTime(NOW_MS);
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  const visible = (queue: Queue) => queue.messages.map(({ messageId }) => messageId).sort();

  test('shows at each moment what the engine itself would show', () => {
    const [plain, ordered] = [queueOf(), queueOf()];
    // Some are there already, as after a start from a file.
    for (const queue of [plain, ordered])
      queue.delayedMessages.push(message('loaded-late', 9_000), message('loaded', 10));
    keepDelayedInOrder(ordered);
    let seed = 7;
    const random = (below: number): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    for (let step = 0; step < 2_000; step += 1) {
      // Equal times among them, and none at all. Now and then the clock is set back.
      const delayMs = Date.now() - NOW_MS + random(50) * 20;
      for (const queue of [plain, ordered]) queue.enqueue(message(`m${step}`, delayMs));
      vi.setSystemTime(Date.now() + random(30) - (random(40) === 0 ? 200 : 0));
      for (const queue of [plain, ordered]) queue.processTimers();
      if (step % 50 === 0) expect(visible(ordered)).toEqual(visible(plain));
      expect(ordered.delayedMessages).toHaveLength(plain.delayedMessages.length);
    }
    expect(visible(ordered)).toEqual(visible(plain));
    vi.setSystemTime(NOW_MS + 3_600_000);
    ordered.processTimers();
    expect(visible(ordered)).toHaveLength(2_002);
  });

  test('looks at the next one only while nothing is due', () => {
    const queue = queueOf();
    let looks = 0;
    const watched = (delayMs: number): DelayedMessage => ({
      get delayUntil() {
        looks += 1;
        return NOW_MS + delayMs;
      },
    });
    queue.delayedMessages = Array.from({ length: 10_000 }, (_, index) => watched(1_000 + ((index * 7_919) % 10_000)));
    keepDelayedInOrder(queue);
    looks = 0;
    queue.processTimers();
    expect(looks).toBe(1);
    expect(queue.delayedMessages).toHaveLength(10_000);
  });

  test('loses none to a clock that is set back while it looks', () => {
    const queue = queueOf();
    const { processTimers } = queue;
    queue.processTimers = function (this: Queue) {
      vi.setSystemTime(NOW_MS);
      processTimers.call(this);
    };
    keepDelayedInOrder(queue);
    queue.enqueue(message('due', 1_000));
    vi.setSystemTime(NOW_MS + 1_000);
    queue.processTimers();
    expect([visible(queue), queue.delayedMessages.length]).toEqual([[], 1]);
    expect(queue.delayedMessages).toEqual([message('due', 1_000)]);
  });

  test('is empty after a purge, and works on', () => {
    const queue = queueOf();
    keepDelayedInOrder(queue);
    queue.enqueue(message('old', 1_000));
    queue.purge();
    queue.enqueue(message('new', 500));
    vi.setSystemTime(NOW_MS + 2_000);
    queue.processTimers();
    expect(visible(queue)).toEqual(['new']);
  });
});

describe('the embedded SQS', () => {
  let dataDir: string;
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'booking-expiry-'));
  });
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }));
  const open = async () => {
    const engine = await startSqs({ port: 0, portVariable: 'PORT', dataDir });
    const client = new SQSClient({ region: REGION, credentials: LOCAL_CREDENTIALS, endpoint: engine.endpoint });
    const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: 'timers' }));
    return {
      send: (MessageBody: string, DelaySeconds: number) =>
        client.send(new SendMessageCommand({ QueueUrl, MessageBody, DelaySeconds })),
      delayed: async () => {
        const AttributeNames = ['ApproximateNumberOfMessagesDelayed' as const];
        const { Attributes } = await client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames }));
        return Number(Attributes?.ApproximateNumberOfMessagesDelayed);
      },
      /** Waits for the next message, takes it, and says what it is. */
      take: async () => {
        const { Messages = [] } = await client.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 }));
        for (const { ReceiptHandle } of Messages)
          await client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
        return Messages.map(({ Body }) => Body);
      },
      stop: async () => {
        client.destroy();
        await engine.stop();
      },
    };
  };

  test('delivers delayed messages in the order of their times, also after a restart', async () => {
    const before = await open();
    await before.send('third', 4);
    await before.send('first', 1);
    await before.send('far', 900);
    await before.send('second', 3);
    expect(await before.take()).toEqual(['first']);
    await before.stop();
    const after = await open();
    try {
      await after.send('fourth', 6);
      expect([await after.take(), await after.take(), await after.take()]).toEqual([['second'], ['third'], ['fourth']]);
      expect(await after.delayed()).toBe(1);
    } finally {
      await after.stop();
    }
  });
});
