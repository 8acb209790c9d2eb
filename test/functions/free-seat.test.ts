import { CreateTableCommand } from '@aws-sdk/client-dynamodb';
import { GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createHandler } from '../../docs/examples/free-seat.lambda.ts';
import { FreeSeat } from '../../docs/examples/free-seat.ts';
import { type Engines, startEngines } from '../support/engines.ts';
import { timerMessage } from '../support/records.ts';

let engines: Engines;
beforeAll(async () => {
  engines = await startEngines();
  await engines.rawClient.send(
    new CreateTableCommand({
      TableName: 'seats',
      KeySchema: [{ AttributeName: 'seat', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'seat', AttributeType: 'S' }],
      BillingMode: 'PAY_PER_REQUEST',
    }),
  );
});
afterAll(() => engines.stop());

const hold = (seat: string, heldBy: string) =>
  engines.documents.send(new PutCommand({ TableName: 'seats', Item: { seat, heldBy } }));
const holderOf = async (seat: string) =>
  (await engines.documents.send(new GetCommand({ TableName: 'seats', Key: { seat } }))).Item?.heldBy;
const expired = (bookingId: string, details?: object) =>
  timerMessage(JSON.stringify({ detail: { bookingId, details } }));

describe('the example consumer', () => {
  test('frees the seat of an expired booking, once, and never one that another booking holds by then', async () => {
    const handler = createHandler(engines.documents, 'seats');
    await hold('7A', 'first');
    const event = { Records: [expired('first', { seat: '7A' })] };
    expect((await handler(event)).batchItemFailures).toEqual([]);
    expect(await holderOf('7A')).toBeUndefined();
    await hold('7A', 'second');
    expect((await handler(event)).batchItemFailures).toEqual([]);
    expect(await holderOf('7A')).toBe('second');
  });

  test('reports what it cannot make sense of, and goes on with the rest', async () => {
    await hold('7B', 'third');
    const records = [expired('no seat'), timerMessage('no JSON'), expired('third', { seat: '7B' })];
    const { batchItemFailures } = await createHandler(engines.documents, 'seats')({ Records: records });
    expect(batchItemFailures).toHaveLength(2);
    expect(await holderOf('7B')).toBeUndefined();
  });

  test('listens to BookingExpired on the bus, through a queue with a dead-letter queue', () => {
    const app = new App({ context: { 'aws:cdk:bundling-stacks': [] } });
    const stack = new Stack(app, 'consumer');
    new FreeSeat(stack, 'FreeSeat', { eventBusName: 'bookings' });
    const template = Template.fromStack(stack);
    template.hasResourceProperties('AWS::Events::Rule', {
      EventBusName: 'bookings',
      EventPattern: { source: ['booking-expiry'], 'detail-type': ['BookingExpired'] },
    });
    template.hasResourceProperties('AWS::SQS::Queue', { RedrivePolicy: {} });
  });
});
