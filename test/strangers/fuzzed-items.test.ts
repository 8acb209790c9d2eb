/**
 * Items of any content, through the real stream, Lambdas and queue: each expires by its timer if it is a booking with a
 * usable deadline, is left as it is if it is not, and none of them keeps another from its timer.
 */
import { type AttributeValue, type DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LOCAL_CREDENTIALS, REGION } from '../../local/engines.ts';
import type { OwnRuntime } from '../../service/service.ts';
import { type StrangeItem, strangeItem } from '../histories/strangers.ts';
import { itemBytes, MAX_ITEM_BYTES } from '../memory/item-size.ts';
import { eventually } from '../support/lambda.ts';
import { startTestRuntime } from '../support/runtime.ts';
import { patientClient } from '../support/store.ts';

/** FUZZ=10 tries ten times as many items. */
const ITEMS = 150 * Number(process.env.FUZZ ?? 1);
/** SEED=1 repeats the items of a run. */
const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const LONG_ENOUGH_MS = 120_000;
let runtime: OwnRuntime;
let client: DynamoDBClient;
const problems: string[] = [];

beforeAll(async () => {
  runtime = await startTestRuntime({
    schedulePeriodMs: 'never',
    onProblem: (problem) => problems.push(problem),
  });
  client = patientClient(runtime.dynamodbEndpoint);
});
afterAll(() => runtime.stop());

type Attributes = Record<string, AttributeValue>;

/** The item as it is written now, with a hold of some seconds where it has one. */
const itemOf = (bookingId: string, { deadline, status, others, bytesLeft }: StrangeItem): Attributes => {
  const item: Attributes = { ...others, bookingId: { S: bookingId } };
  if (status !== 'none') item.status = status;
  if (deadline !== 'none' && 'unusable' in deadline) item.expiresAtMs = deadline.unusable;
  else if (deadline !== 'none') {
    item.expiresAtMs = { N: `${Date.now() + 2_000 + (deadline.holdMs % 4_000)}${deadline.fraction}` };
  }
  if (bytesLeft !== undefined) {
    item.fill = { S: 'x'.repeat(Math.max(0, MAX_ITEM_BYTES - bytesLeft - itemBytes({ ...item, fill: { S: '' } }))) };
  }
  return item;
};

test(`${ITEMS} items of any content each become what they must (seed ${SEED})`, async () => {
  const TableName = runtime.outputs.BookingsTableName;
  const isStored = (Item: Attributes) =>
    client.send(new PutItemCommand({ TableName, Item })).then(
      () => true,
      (error: Error) => {
        // The engine refuses what DynamoDB refuses: then there is no such item.
        if (/Validation|Serialization/.test(error.name)) return false;
        throw error;
      },
    );
  const read = async (bookingId: string) =>
    (await client.send(new GetItemCommand({ TableName, Key: { bookingId: { S: bookingId } }, ConsistentRead: true })))
      .Item;

  const expiring: string[] = [];
  const untouched = new Map<string, Attributes>();
  for (const [index, strange] of fc.sample(strangeItem, { numRuns: ITEMS, seed: SEED }).entries()) {
    const sane = `sane-${index}`;
    const bare = { status: { S: 'PENDING' }, expiresAtMs: { N: String(Date.now() + 3_000) } };
    if (await isStored({ ...bare, bookingId: { S: sane } })) expiring.push(sane);
    // Long, because the embedded engine counts items with a short key wrong.
    const bookingId = `strange-${index}-${'\uffff😀'.repeat(index % 3)}-with-a-name-of-forty-letters`;
    const item = itemOf(bookingId, strange);
    if (!(await isStored(item))) continue;
    const isBooking = item.status?.S === 'PENDING' && strange.deadline !== 'none' && 'holdMs' in strange.deadline;
    if (isBooking) expiring.push(bookingId);
    else untouched.set(bookingId, (await read(bookingId)) ?? {});
  }
  expect(expiring.length).toBeGreaterThan(ITEMS);
  for (const bookingId of expiring) {
    await eventually(
      async () => (await read(bookingId))?.status?.S,
      (status) => status === 'EXPIRED',
      LONG_ENOUGH_MS,
    );
  }
  for (const [bookingId, item] of untouched) expect(await read(bookingId)).toEqual(item);

  // Nothing failed in a way that would have to be tried again.
  expect(problems).toEqual([]);
  const sqs = new SQSClient({ region: REGION, credentials: LOCAL_CREDENTIALS, endpoint: runtime.sqsEndpoint });
  for (const queue of ['TimerDeadLetterQueueUrl', 'PublishEventsDeadLetterQueueUrl'] as const) {
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: runtime.outputs[queue] }));
    expect(Messages).toEqual([]);
  }
}, 300_000);
