/** Provisioned pollers of a queue, as the local runtime takes them from a template. */

import { SendMessageCommand } from '@aws-sdk/client-sqs';
import type { CfnResource, Stack } from 'aws-cdk-lib';
import { CfnEventSourceMapping, EventSourceMapping, StartingPosition } from 'aws-cdk-lib/aws-lambda';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { afterEach, describe, expect, test } from 'vitest';
import { STRICT_METADATA } from '../../local/left-aside.ts';
import { scalingOf } from '../../local/provisioned-pollers.ts';
import { eventually } from '../support/lambda.ts';
import { appOf, inlineLambda, type StartedApp, startApp, ticketTable } from '../support/users-app.ts';

describe('provisioned pollers', () => {
  test.each([
    ['none are as Lambda polls by itself', undefined, 50, { maxConcurrency: 50 }],
    [
      'bring ten batches each, and grow by 1,000 batches a minute',
      { MinimumPollers: 3, MaximumPollers: 40 },
      1_000,
      { concurrencyAtFirst: 30, concurrencyPerSecond: 17, maxConcurrency: 400 },
    ],
    [
      'are 2 to 200 where the mapping does not say',
      {},
      10_000,
      { concurrencyAtFirst: 20, concurrencyPerSecond: 17, maxConcurrency: 2_000 },
    ],
    [
      'bring no more batches than the Lambda takes',
      { MinimumPollers: 200, MaximumPollers: 2_000 },
      50,
      { concurrencyAtFirst: 2_000, concurrencyPerSecond: 17, maxConcurrency: 50 },
    ],
  ])('%s', (_, config, maxConcurrency, expected) => {
    expect(scalingOf('Mapping', config, undefined, maxConcurrency)).toEqual(expected);
  });

  test.each([
    [{ MinimumPollers: 1 }, 'MinimumPollers must be a whole number from 2 to 200 for a queue, got 1'],
    [{ MinimumPollers: 201 }, 'MinimumPollers must be a whole number from 2 to 200 for a queue, got 201'],
    [{ MaximumPollers: 2_001 }, 'MaximumPollers must be a whole number from 2 to 2000 for a queue, got 2001'],
    [{ MinimumPollers: 5, MaximumPollers: 4 }, 'MinimumPollers must be at most MaximumPollers, which is 4, got 5'],
    [{ PollerGroupName: 'mine' }, 'PollerGroupName is for Kafka, got "mine" for a queue'],
  ])('that Lambda would refuse are refused: %j', (config, problem) => {
    expect(() => scalingOf('Mapping', config, undefined, 50)).toThrow(`ProvisionedPollerConfig of Mapping: ${problem}`);
  });

  test('are refused beside a limit of batches', () => {
    expect(() => scalingOf('Mapping', {}, { MaximumConcurrency: 5 }, 50)).toThrow('and not both');
    expect(() => scalingOf('Mapping', undefined, { MaximumConcurrency: 5 }, 50)).not.toThrow();
  });
});

describe('an app', () => {
  let app: StartedApp | undefined;
  afterEach(() => app?.stop());

  test('with pollers for its queue starts, and the queue is read', async () => {
    app = await startApp(
      appOf((stack) => {
        const queue = new Queue(stack, 'Orders');
        const lambda = inlineLambda(stack, 'Read', "exports.handler = async () => console.log('order read');");
        queue.grantConsumeMessages(lambda);
        strict(
          new EventSourceMapping(stack, 'Mapping', {
            target: lambda,
            eventSourceArn: queue.queueArn,
            provisionedPollerConfig: { minimumPollers: 2, maximumPollers: 3 },
          }),
        );
      }),
    );
    expect(app.runtime.notRun).toEqual([]);
    const QueueUrl = app.runtime.nameOf('Shop/Orders');
    await app.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'one' }));
    const { lines } = app;
    await eventually(
      () => lines.join(),
      (printed) => printed.includes('order read'),
    );
  });

  test.each([
    [
      'both pollers and a limit of batches',
      (stack: Stack) => {
        const queue = new Queue(stack, 'Orders');
        const lambda = inlineLambda(stack, 'Read', HANDLER);
        queue.grantConsumeMessages(lambda);
        return new CfnEventSourceMapping(stack, 'Mapping', {
          functionName: lambda.functionName,
          eventSourceArn: queue.queueArn,
          provisionedPollerConfig: { minimumPollers: 2 },
          scalingConfig: { maximumConcurrency: 5 },
        });
      },
      /ProvisionedPollerConfig of \w+: Lambda takes it or ScalingConfig\.MaximumConcurrency, and not both/,
    ],
    [
      'pollers for a stream of DynamoDB',
      (stack: Stack) => {
        const table = ticketTable(stack);
        const lambda = inlineLambda(stack, 'Read', HANDLER);
        table.grantStreamRead(lambda);
        return new CfnEventSourceMapping(stack, 'Mapping', {
          functionName: lambda.functionName,
          eventSourceArn: table.tableStreamArn ?? '',
          startingPosition: StartingPosition.TRIM_HORIZON,
          provisionedPollerConfig: { minimumPollers: 2 },
        });
      },
      /ProvisionedPollerConfig of \w+: Lambda has none for streams of DynamoDB/,
    ],
  ])('with %s does not start', async (_, make, problem) => {
    const refused = startApp(
      appOf((stack) => {
        make(stack).addMetadata(STRICT_METADATA, true);
      }),
    );
    await expect(refused).rejects.toThrow(problem);
  });
});

const HANDLER = 'exports.handler = async () => {};';

const strict = (mapping: EventSourceMapping): void =>
  (mapping.node.defaultChild as CfnResource).addMetadata(STRICT_METADATA, true);
