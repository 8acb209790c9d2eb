/** An event source mapping from a queue on a real engine, with a Lambda whose answers are scripted. */
import { GetQueueAttributesCommand, SendMessageCommand, SetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import type { SQSEvent } from 'aws-lambda';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AwsClient } from '../../local/aws-client.ts';
import { REGION } from '../../local/engines.ts';
import type { LambdaHost } from '../../local/lambda-host.ts';
import { SqsEventSource, type SqsEventSourceSettings } from '../../local/sqs-event-source.ts';
import { type Engines, startEngines } from '../support/engines.ts';
import { eventually, scriptedLambda } from '../support/lambda.ts';

let engines: Engines;
let sources: { stop(): Promise<void> }[];
beforeEach(async () => {
  engines = await startEngines();
  sources = [];
});
afterEach(async () => {
  await Promise.all(sources.map((source) => source.stop()));
  await engines.stop();
});

const start = (lambda: LambdaHost, overrides: Partial<SqsEventSourceSettings> = {}) => {
  const source = new SqsEventSource(new AwsClient({ endpoint: engines.sqs.endpoint, service: 'sqs' }), lambda, {
    queueUrl: engines.timerQueueUrl,
    queueArn: 'arn:aws:sqs:us-east-1:000000000000:timers',
    region: REGION,
    batchSize: 10,
    reportBatchItemFailures: true,
    filterPatterns: [],
    maxConcurrency: 5,
    onProblem: () => {},
    ...overrides,
  });
  source.start();
  sources.push(source);
  return source;
};
const send = async (...bodies: string[]) => {
  for (const MessageBody of bodies) {
    await engines.sqsClient.send(new SendMessageCommand({ QueueUrl: engines.timerQueueUrl, MessageBody }));
  }
};
const setQueue = (attributes: Record<string, string>) =>
  engines.sqsClient.send(new SetQueueAttributesCommand({ QueueUrl: engines.timerQueueUrl, Attributes: attributes }));
/** Messages of a queue, visible or not. */
const inQueue = async (queueUrl = engines.timerQueueUrl) => {
  const { Attributes = {} } = await engines.sqsClient.send(
    new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['All'] }),
  );
  return Number(Attributes.ApproximateNumberOfMessages) + Number(Attributes.ApproximateNumberOfMessagesNotVisible);
};

test('messages that were handled are deleted, in batches of at most ten', async () => {
  const batches: string[][] = [];
  await send(...Array.from({ length: 25 }, (_, index) => `m${index}`));
  start(
    scriptedLambda((event: SQSEvent) => {
      batches.push(event.Records.map(({ body }) => body));
    }),
  );
  await eventually(inQueue, (count) => count === 0);
  expect(batches.flat()).toHaveLength(25);
  expect(Math.max(...batches.map(({ length }) => length))).toBe(10);
});

test('only the message that failed comes again, after its visibility timeout', async () => {
  await setQueue({ VisibilityTimeout: '1' });
  await send('good', 'bad');
  const seen: string[] = [];
  start(
    scriptedLambda((event: SQSEvent) => {
      seen.push(...event.Records.map(({ body }) => body));
      const failed = event.Records.filter(
        ({ body, attributes }) => body === 'bad' && attributes.ApproximateReceiveCount === '1',
      );
      return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
    }),
  );
  await eventually(inQueue, (count) => count === 0);
  expect(seen.sort()).toEqual(['bad', 'bad', 'good']);
});

test.each([
  ['throws', () => Promise.reject(new Error('out of order'))],
  ['names an unknown message', () => ({ batchItemFailures: [{ itemIdentifier: 'nobody' }] })],
  ['names none', () => ({ batchItemFailures: [{ itemIdentifier: '' }] })],
  ['answers nonsense', () => ({ batchItemFailures: 'all' })],
])('the whole batch comes again if the Lambda %s, and ends in the dead-letter queue', async (_, answer) => {
  const deadLetterUrl = engines.timerQueueUrl.replace('TimerQueue', 'TimerDeadLetterQueue');
  const { Attributes } = await engines.sqsClient.send(
    new GetQueueAttributesCommand({ QueueUrl: deadLetterUrl, AttributeNames: ['QueueArn'] }),
  );
  const redrive = { deadLetterTargetArn: Attributes?.QueueArn, maxReceiveCount: 2 };
  await setQueue({ VisibilityTimeout: '0', RedrivePolicy: JSON.stringify(redrive) });
  await send('a', 'b');
  start(scriptedLambda(answer));
  await eventually(
    () => inQueue(deadLetterUrl),
    (count) => count === 2,
  );
  expect(await inQueue()).toBe(0);
});

test('messages that a filter does not match are deleted unseen', async () => {
  const seen: string[] = [];
  await send('{"kind":"wanted"}', '{"kind":"other"}', 'no JSON');
  start(
    scriptedLambda((event: SQSEvent) => {
      seen.push(...event.Records.map(({ body }) => body));
    }),
    { filterPatterns: ['{"body":{"kind":["wanted"]}}'] },
  );
  await eventually(inQueue, (count) => count === 0);
  expect(seen).toEqual(['{"kind":"wanted"}']);
});

test('no more batches run at once than the template allows', async () => {
  let running = 0;
  let most = 0;
  await send(...Array.from({ length: 40 }, (_, index) => `m${index}`));
  start(
    scriptedLambda(async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 50));
      running -= 1;
    }),
    { batchSize: 2, maxConcurrency: 3 },
  );
  await eventually(inQueue, (count) => count === 0);
  expect(most).toBe(3);
});

test('what comes after the stop is there for the next runtime, where the queue outlives this one', async () => {
  const nothing = scriptedLambda(() => undefined);
  const source = start(nothing, { outlivesRuntime: true });
  // Until the poll is under way.
  await new Promise((resolve) => setTimeout(resolve, 300));
  await source.stop();
  await send('after the stop');
  expect(await engines.drain()).toEqual(['after the stop']);
});

test('a batch in flight finishes and is deleted when the source is stopped', async () => {
  await send('a');
  let started = false;
  const source = start(
    scriptedLambda(async () => {
      started = true;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }),
  );
  await eventually(
    () => started,
    (value) => value,
  );
  await source.stop();
  expect(await inQueue()).toBe(0);
});

test('a message that is to get lost is gone, and the Lambda never sees it', async () => {
  const seen: string[] = [];
  const asked: string[] = [];
  await send('kept', 'lost');
  start(
    scriptedLambda((event: SQSEvent) => {
      seen.push(...event.Records.map(({ body }) => body));
    }),
    {
      isLost: ({ queueUrl, body }) => {
        asked.push(queueUrl);
        return body === 'lost';
      },
    },
  );
  await eventually(inQueue, (count) => count === 0);
  expect(seen).toEqual(['kept']);
  expect(new Set(asked)).toEqual(new Set([engines.timerQueueUrl]));
});
