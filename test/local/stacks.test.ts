/** Apps of several stacks: which are run, how they are told apart, and what one takes from another. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { App, CfnOutput, Stack, Stage } from 'aws-cdk-lib';
import { AttributeType, type ITable, Table } from 'aws-cdk-lib/aws-dynamodb';
import { StartingPosition } from 'aws-cdk-lib/aws-lambda';
import { DynamoEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { AssemblyError, readAssembly } from '../../local/assembly.ts';
import { linkStacks, type StackTemplate } from '../../local/link-stacks.ts';
import { References } from '../../local/references.ts';
import { resourcesOf, UnsupportedTemplateError } from '../../local/template.ts';
import { eventually } from '../support/lambda.ts';
import { inlineLambda, type StartedApp, startApp, ticketTable } from '../support/users-app.ts';

let started: StartedApp | undefined;
afterEach(async () => {
  await started?.stop();
  started = undefined;
});

/** A table in one stack, and in another the Lambda on its stream and the queue of the same logical id. */
const twoStacks = (outdir?: string): App => {
  const app = new App(outdir === undefined ? {} : { outdir });
  const data = new Stack(app, 'Data');
  const tickets = ticketTable(data);
  const seen = new Table(data, 'Seen', { partitionKey: { name: 'id', type: AttributeType.NUMBER } });
  new Queue(data, 'Queue');
  new CfnOutput(data, 'Name', { value: tickets.tableName });
  new CfnOutput(data, 'Only', { value: seen.tableName });
  const work = new Stack(app, 'Work');
  const note = inlineLambda(
    work,
    'Note',
    `const { DynamoDBClient, PutItemCommand } = require('@aws-sdk/client-dynamodb');
     exports.handler = async ({ Records }) => {
       for (const { dynamodb } of Records) {
         await new DynamoDBClient({}).send(new PutItemCommand({ TableName: process.env.SEEN, Item: { id: dynamodb.Keys.seat } }));
       }
     };`,
    { environment: { SEEN: seen.tableName } },
  );
  seen.grantWriteData(note);
  note.addEventSource(new DynamoEventSource(tickets as ITable, { startingPosition: StartingPosition.TRIM_HORIZON }));
  new CfnOutput(work, 'Name', { value: new Queue(work, 'Queue').queueName });
  return app;
};

test('a Lambda of one stack runs on the table of another', async () => {
  started = await startApp(twoStacks());
  const { runtime, items, get } = started;
  await items.send(new PutCommand({ TableName: runtime.nameOf('Data/Tickets'), Item: { event: 'concert', seat: 7 } }));
  expect(await eventually(() => get('Data/Seen', { id: 7 }), Boolean)).toEqual({ id: 7 });
  expect([...runtime.lambdas.keys()]).toEqual([expect.stringMatching(/^Work-Note/)]);
});

test('outputs are told apart by their stack, and one that is alone has its plain name too', async () => {
  started = await startApp(twoStacks());
  const { outputs, nameOf } = started.runtime;
  expect(outputs['Data.Name']).toBe(nameOf('Data/Tickets'));
  expect(outputs['Work.Name']).toBe(nameOf('Work/Queue').split('/').at(-1));
  expect(outputs['Data.Only']).toBe(outputs.Only);
  expect(outputs).not.toHaveProperty('Name');
  expect(nameOf('Work/Queue')).not.toBe(nameOf('Data/Queue'));
});

describe('of the stacks of an assembly', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'stacks-'));
    const app = twoStacks(directory);
    const stage = new Stage(app, 'Prod');
    new Queue(new Stack(stage, 'Orders'), 'Queue');
    app.synth();
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  const queuesOf = (...selection: string[]) =>
    resourcesOf(readAssembly(directory, selection).template, 'AWS::SQS::Queue').length;

  test('all are read, those of stages among them', () => {
    expect(queuesOf()).toBe(3);
  });

  test.each([
    ['Data', 1],
    ['Work', 2],
    ['Prod/Orders', 1],
    ['Prod-Orders', 1],
    ['Prod/*', 1],
    ['*', 3],
  ])('%s is chosen, with what it depends on', (name, queues) => {
    expect(queuesOf(name)).toBe(queues);
  });

  test('one that is not there is told with those that are', () => {
    expect(() => queuesOf('Dat')).toThrow(AssemblyError);
    expect(() => queuesOf('Dat')).toThrow('the stack must be one of Prod/Orders, Data, Work, got Dat');
  });

  test('a folder that holds none is told', () => {
    expect(() => readAssembly(tmpdir())).toThrow('it holds no manifest.json');
  });
});

describe('of a template', () => {
  /** The properties of the one resource, linked and resolved. */
  const resolved = (Properties: Record<string, unknown>, more: StackTemplate = {}): unknown => {
    const template = linkStacks([
      { name: 'Shop', template: { ...more, Resources: { Thing: { Type: 'AWS::Some::Thing', Properties } } } },
    ]);
    const references = new References();
    references.set('AWS::Region', 'us-east-1');
    references.set('AWS::StackName', 'Shop');
    references.set('Thing', 'the-thing', { Arn: 'arn:thing' });
    return references.resolve(template.Resources.Thing?.Properties);
  };
  const Conditions = {
    IsProd: { 'Fn::Equals': [{ Ref: 'Stage' }, 'prod'] },
    IsDev: { 'Fn::Not': [{ Condition: 'IsProd' }] },
    Both: { 'Fn::And': [{ Condition: 'IsProd' }, { Condition: 'IsDev' }] },
    Either: { 'Fn::Or': [{ Condition: 'IsProd' }, { Condition: 'IsDev' }] },
  };
  const Parameters = { Stage: { Default: 'dev' }, Zones: { Type: 'CommaDelimitedList', Default: 'a, b' }, Needed: {} };
  const Mappings = { Sizes: { 'us-east-1': { memory: 256 } } };

  test.each([
    ['a reference', { Ref: 'Thing' }, 'the-thing'],
    ['an attribute', { 'Fn::GetAtt': ['Thing', 'Arn'] }, 'arn:thing'],
    ['an attribute in one text', { 'Fn::GetAtt': 'Thing.Arn' }, 'arn:thing'],
    ['texts joined', { 'Fn::Join': ['-', ['a', { Ref: 'Thing' }]] }, 'a-the-thing'],
    ['a list split and joined', { 'Fn::Join': ['+', { 'Fn::Split': ['-', { Ref: 'Thing' }] }] }, 'the+thing'],
    ['a part of a list', { 'Fn::Select': ['1', { 'Fn::Split': [':', { 'Fn::GetAtt': ['Thing', 'Arn'] }] }] }, 'thing'],
    [
      'a text with references',
      { 'Fn::Sub': '$X{Thing.Arn} $X{AWS::Region} $X{!Kept}' },
      'arn:thing us-east-1 $X{Kept}',
    ],
    ['a text with names of its own', { 'Fn::Sub': ['$X{a}/$X{Thing}', { a: { Ref: 'Stage' } }] }, 'dev/the-thing'],
    ['a parameter', { Ref: 'Stage' }, 'dev'],
    ['a list of a parameter', { Ref: 'Zones' }, ['a', 'b']],
    ['a mapping', { 'Fn::FindInMap': ['Sizes', { Ref: 'AWS::Region' }, 'memory'] }, 256],
    ['a condition that holds', { 'Fn::If': ['IsDev', 1, 2] }, 1],
    ['one that does not', { 'Fn::If': ['IsProd', 1, 2] }, 2],
    ['both of two', { 'Fn::If': ['Both', 1, 2] }, 2],
    ['either of two', { 'Fn::If': ['Either', 1, 2] }, 1],
    ['a text in base 64', { 'Fn::Base64': 'seat' }, 'c2VhdA=='],
  ])('%s is resolved', (_, value, expected) => {
    // Where the table of cases has an X, the linter would take the braces for a mistake.
    const [given, wanted] = JSON.parse(JSON.stringify([value, expected]).replaceAll('$X{', '${'));
    expect(resolved({ value: given }, { Conditions, Parameters, Mappings })).toEqual({ value: wanted });
  });

  test('what is AWS::NoValue is left out', () => {
    const value = { 'Fn::If': ['IsProd', 1, { Ref: 'AWS::NoValue' }] };
    expect(resolved({ value, list: [value, 2] }, { Conditions, Parameters })).toEqual({ list: [2] });
  });

  test('a resource whose condition does not hold is not there', () => {
    const Resources = { Thing: { Type: 'AWS::Some::Thing', Condition: 'IsProd' }, Other: { Type: 'AWS::Some::Thing' } };
    const { Resources: linked } = linkStacks([{ name: 'Shop', template: { Conditions, Parameters, Resources } }]);
    expect(Object.keys(linked)).toEqual(['Other']);
  });

  test.each([
    ['a parameter without a default', { Ref: 'Needed' }, 'parameter Needed of stack Shop: it must have a default'],
    ['a condition that is not there', { 'Fn::If': ['Nowhere', 1, 2] }, 'condition Nowhere of stack Shop is not there'],
    ['a mapping without the key', { 'Fn::FindInMap': ['Sizes', 'eu-west-1', 'memory'] }, 'has no eu-west-1.memory'],
    ['what no stack exports', { 'Fn::ImportValue': 'elsewhere' }, 'intrinsic function Fn::ImportValue'],
    ['a function that is not known', { 'Fn::Cidr': ['10.0.0.0/16', 2] }, 'intrinsic function Fn::Cidr'],
    ['a place behind the end of a list', { 'Fn::Select': [5, ['a']] }, 'the list is shorter'],
  ])('%s is told', (_, value, reason) => {
    const resolve = () => resolved({ value }, { Conditions, Parameters, Mappings });
    expect(resolve).toThrow(UnsupportedTemplateError);
    expect(resolve).toThrow(reason);
  });
});
