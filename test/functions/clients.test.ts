import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import { describe, expect, test } from 'vitest';
import { queueClient, tableClient } from '../../functions/runtime/clients.ts';

const CONFIG = { region: 'us-east-1' };
const stepsOf = (client: DynamoDBClient | SQSClient): string[] =>
  client.middlewareStack.identify().map((step) => step.split(' - ')[0] ?? '');

describe.each([
  ['DynamoDB', new DynamoDBClient(CONFIG), tableClient(CONFIG)],
  ['SQS', new SQSClient(CONFIG), queueClient(CONFIG)],
])('the client of %s', (_, usual, ours) => {
  test('does all that the SDK does, except for copies of requests that nobody logs', () => {
    expect(stepsOf(usual)).toContain('loggerMiddleware');
    expect(stepsOf(ours)).toEqual(stepsOf(usual).filter((step) => step !== 'loggerMiddleware'));
  });
});
