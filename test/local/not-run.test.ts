/** docs/testing.md names what is run and what is not, and each of its lines is true. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { App, type CfnResource, Stack } from 'aws-cdk-lib';
import { CfnApi, CfnIntegration } from 'aws-cdk-lib/aws-apigatewayv2';
import { Alarm, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import { CfnRule, EventField, Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as LambdaTarget } from 'aws-cdk-lib/aws-events-targets';
import { Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import {
  CfnEventSourceMapping,
  CfnFunction,
  Code,
  EventSourceMapping,
  type Function as LambdaFunction,
  LayerVersion,
  Runtime,
  StartingPosition,
} from 'aws-cdk-lib/aws-lambda';
import { SnsDlq } from 'aws-cdk-lib/aws-lambda-event-sources';
import { Schedule, ScheduleExpression } from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LINKED_FUNCTIONS } from '../../local/link-stacks.ts';
import { RESOLVED_FUNCTIONS } from '../../local/references.ts';
import { INERT_TYPES, SUPPORTED_TYPES } from '../../local/support.ts';
import { inlineLambda, type StartedApp, startApp, ticketTable } from '../support/users-app.ts';

const page = readFileSync(new URL('../../docs/testing.md', import.meta.url), 'utf8');
/** The page's sentences, whatever the width of its lines. */
const sentences = page.replaceAll(/\n +/g, ' ');

const HANDLER = 'exports.handler = async () => {};';

/** Each case: the sentence of the page, what makes the resource, and what is told of it. */
const CASES: readonly (readonly [sentence: string, make: (stack: Stack, given: Given) => CfnResource, told: RegExp])[] =
  [
    [
      'Lambdas in another language than Node’s are not run.',
      (stack) => part(inlineLambda(stack, 'Snake', 'pass', { runtime: Runtime.PYTHON_3_13 })),
      /it must be one of Node, got python3\.13/,
    ],
    [
      'Lambdas in container images are not run.',
      (stack, { lambda }) =>
        new CfnFunction(stack, 'Image', {
          packageType: 'Image',
          code: { imageUri: '000000000000.dkr.ecr.us-east-1.amazonaws.com/image' },
          role: lambda.role?.roleArn ?? '',
        }),
      /a container image is not run/,
    ],
    [
      'Code in zip files is not run: give the folder, or let CDK bundle it.',
      (stack, { zip }) => part(inlineLambda(stack, 'Zipped', HANDLER, { code: Code.fromAsset(zip) })),
      /is a zip file/,
    ],
    [
      'Layers are ignored.',
      (stack) => {
        const layer = LayerVersion.fromLayerVersionArn(
          stack,
          'Layer',
          'arn:aws:lambda:us-east-1:000000000000:layer:fonts:1',
        );
        return part(inlineLambda(stack, 'Layered', HANDLER, { layers: [layer] }));
      },
      /property Layers is ignored/,
    ],
    [
      'Functions are invoked by their names: a mapping to a version or an alias is not run.',
      (stack, { lambda, queue }) =>
        new CfnEventSourceMapping(stack, 'ToAlias', {
          functionName: lambda.addAlias('live').functionArn,
          eventSourceArn: queue.queueArn,
        }),
      /is no Lambda that runs here/,
    ],
    [
      'Events come from streams of DynamoDB and from queues: mappings of other sources are not run.',
      (stack, { lambda }) =>
        new CfnEventSourceMapping(stack, 'OfKinesis', {
          functionName: lambda.functionName,
          eventSourceArn: 'arn:aws:kinesis:us-east-1:000000000000:stream/clicks',
        }),
      /event source arn:aws:kinesis/,
    ],
    [
      'A table that exists only on AWS cannot be here: a mapping of its stream is not run.',
      (stack, { lambda }) =>
        new CfnEventSourceMapping(stack, 'OfImported', {
          functionName: lambda.functionName,
          eventSourceArn: 'arn:aws:dynamodb:eu-west-1:123456789012:table/t/stream/2026-01-01T00:00:00.000',
        }),
      /its table is not in the app/,
    ],
    [
      'Windows in which batches are gathered are ignored.',
      (stack, { lambda, queue }) =>
        new CfnEventSourceMapping(stack, 'Window', {
          functionName: lambda.functionName,
          eventSourceArn: queue.queueArn,
          maximumBatchingWindowInSeconds: 30,
        }),
      /property MaximumBatchingWindowInSeconds is ignored/,
    ],
    [
      'What is given up goes to queues: a mapping with another destination is not run.',
      (stack, { lambda, tickets }) =>
        part(
          new EventSourceMapping(stack, 'ToTopic', {
            target: lambda,
            eventSourceArn: tickets.tableStreamArn ?? '',
            startingPosition: StartingPosition.LATEST,
            onFailure: new SnsDlq(new Topic(stack, 'GivenUp')),
          }),
        ),
      /is no queue of the template/,
    ],
    [
      'Schedules fire at a rate: those of `cron` and `at` are not run.',
      (stack, { lambda }) =>
        part(
          new Schedule(stack, 'Nightly', {
            schedule: ScheduleExpression.cron({ hour: '3' }),
            target: new LambdaInvoke(lambda),
          }),
        ),
      /schedule expression cron/,
    ],
    [
      'Rules bring events to Lambdas and queues: rules with other targets are not run.',
      (stack) =>
        new CfnRule(stack, 'ToStateMachine', {
          eventPattern: { source: ['shop'] },
          targets: [{ id: 'a', arn: 'arn:aws:states:us-east-1:000000000000:stateMachine:orders' }],
        }),
      /is no Lambda that runs here/,
    ],
    [
      'Input of targets that is put together by a template is not supported: such rules are not run.',
      (stack, { lambda }) =>
        part(
          new Rule(stack, 'PutTogether', {
            eventPattern: { source: ['shop'] },
            targets: [
              new LambdaTarget(lambda, {
                event: RuleTargetInput.fromObject({ seat: EventField.fromPath('$.detail.seat') }),
              }),
            ],
          }),
        ),
      /input of target \S+: it must be the event, a part of it, or a constant/,
    ],
    [
      'APIs are HTTP APIs: WebSocket APIs are not run.',
      (stack) => new CfnApi(stack, 'Socket', { name: 'socket', protocolType: 'WEBSOCKET' }),
      /only an HTTP API/,
    ],
    [
      'Routes end in Lambdas with payload format 2.0: other integrations are not run.',
      (stack) =>
        new CfnIntegration(stack, 'Proxy', {
          apiId: new CfnApi(stack, 'Http', { name: 'http', protocolType: 'HTTP' }).ref,
          integrationType: 'HTTP_PROXY',
          integrationUri: 'https://example.com',
          integrationMethod: 'GET',
        }),
      /only AWS_PROXY with payload format 2\.0/,
    ],
    [
      'Alarms on what is not measured here are not evaluated.',
      (stack) =>
        part(
          new Alarm(stack, 'Busy', {
            metric: new Metric({ namespace: 'AWS/Lambda', metricName: 'Throttles' }),
            threshold: 1,
            evaluationPeriods: 1,
          }),
        ),
      /Throttles is not measured here/,
    ],
    [
      'Policies with elements or conditions beyond the few that are known leave what they are attached to unchecked.',
      (stack) => {
        const careful = inlineLambda(stack, 'Careful', HANDLER);
        careful.addToRolePolicy(
          new PolicyStatement({
            effect: Effect.DENY,
            actions: ['sqs:SendMessage'],
            resources: ['*'],
            conditions: { DateGreaterThan: { 'aws:CurrentTime': '2030-01-01T00:00:00Z' } },
          }),
        );
        return careful.role?.node.findChild('DefaultPolicy').node.defaultChild as CfnResource;
      },
      /Condition operator DateGreaterThan/,
    ],
  ];

/** Of a construct, the resource that stands for it. */
const part = (construct: { readonly node: { readonly defaultChild?: unknown } }): CfnResource =>
  construct.node.defaultChild as CfnResource;

interface Given {
  readonly lambda: LambdaFunction;
  readonly queue: Queue;
  readonly tickets: Table;
  readonly zip: string;
}

let directory: string;
let started: StartedApp;
const idOf = new Map<string, string>();
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'not-run-'));
  const zip = join(directory, 'code.zip');
  writeFileSync(zip, 'not looked into');
  const app = new App();
  const stack = new Stack(app, 'Shop');
  const lambda = inlineLambda(stack, 'Lambda', HANDLER);
  const queue = new Queue(stack, 'Queue');
  const tickets = ticketTable(stack, { timeToLiveAttribute: 'purgeAt', readCapacity: 1 });
  tickets.grantStreamRead(lambda);
  queue.grantConsumeMessages(lambda);
  for (const [sentence, make] of CASES) {
    const resource = make(stack, { lambda, queue, tickets, zip });
    idOf.set(sentence, stack.getLogicalId(resource));
  }
  started = await startApp(app);
});
afterAll(async () => {
  await started.stop();
  rmSync(directory, { recursive: true, force: true });
});

describe('the page says, and it is so:', () => {
  test.each(CASES)('%s', (sentence, _, told) => {
    expect(sentences).toContain(`- ${sentence.replaceAll('’', "'")}`);
    const reasons = started.runtime.notRun
      .filter(({ logicalId }) => logicalId === idOf.get(sentence))
      .map(({ reason }) => reason);
    expect(reasons.join('\n')).toMatch(told);
  });

  test('Items are not deleted by their time to live, and tables are not limited in capacity.', async () => {
    expect(sentences).toContain('- Items are not deleted by their time to live.');
    expect(sentences).toContain('- Tables are not limited in capacity, and have no copies in other regions.');
    const TableName = started.runtime.nameOf('Shop/Tickets');
    await started.items.send(new PutCommand({ TableName, Item: { event: 'concert', seat: 1, purgeAt: 1 } }));
    expect(await started.get('Shop/Tickets', { event: 'concert', seat: 1 })).toBeDefined();
    const { Table: made } = await started.items.send(new DescribeTableCommand({ TableName }));
    expect(made?.BillingModeSummary?.BillingMode).toBe('PAY_PER_REQUEST');
  });

  test('nothing else is on its list', () => {
    const listed = page.slice(page.indexOf('Of what is run, this is not:')).match(/^- /gm) ?? [];
    expect(listed).toHaveLength(CASES.length + 2);
  });
});

describe('the page names', () => {
  const rowsAfter = (mark: string): string[] =>
    page
      .slice(page.indexOf(mark))
      .split('\n\n')
      .find((each) => each.startsWith('| '))
      ?.split('\n')
      .slice(2) ?? [];

  test('every type that is run, with its properties', () => {
    const rows = Object.entries(SUPPORTED_TYPES).map(
      ([type, { used }]) => `| \`${type}\` | ${used.length === 0 ? '' : [...used].sort().join(', ')} |`,
    );
    expect(rowsAfter('<!-- types -->')).toEqual(rows.sort());
  });

  test('every type that changes nothing here, and why', () => {
    const rows = Object.entries(INERT_TYPES).map(([type, reason]) => `| \`${type}\` | ${reason} |`);
    expect(rowsAfter('<!-- inert types -->')).toEqual(rows.sort());
  });

  test('every function', () => {
    const [, named = ''] = /Of CloudFormation's functions: ([\s\S]*?)\. Conditions/.exec(page) ?? [];
    const functions = [...new Set([...RESOLVED_FUNCTIONS, ...LINKED_FUNCTIONS])].sort();
    expect(named.replaceAll('\n', ' ').replaceAll('`', '').split(', ')).toEqual(functions);
  });
});
