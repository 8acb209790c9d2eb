/** Real engines for a test file: DynamoDB and SQS over HTTP, with the tables and queues of the synthesized template. */

import { ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { BookingErasure } from '../../functions/adapters/booking-erasure.ts';
import { bookingLists } from '../../functions/adapters/booking-lists.ts';
import { BookingStore } from '../../functions/adapters/booking-store.ts';
import { DeadLetters } from '../../functions/adapters/dead-letters.ts';
import { dynamoDbSlots } from '../../functions/adapters/dynamodb-slots.ts';
import { DynamoDbTable } from '../../functions/adapters/dynamodb-table.ts';
import { HeldItems } from '../../functions/adapters/held-items.ts';
import { KeyRecords } from '../../functions/adapters/key-records.ts';
import { PatrolNotes } from '../../functions/adapters/patrol-notes.ts';
import { PendingIndex } from '../../functions/adapters/pending-index.ts';
import { TimerSender } from '../../functions/adapters/timer-sender.ts';
import { BOOKINGS_SHAPE } from '../../functions/table/shape.ts';
import { LOCAL_CREDENTIALS, REGION } from '../../local/engines.ts';
import { startTemplateEngines } from '../../local/template-engines.ts';
import { patientClient } from './store.ts';
import { TEST_ASSEMBLY } from './synthesize.ts';

export const SHARD_COUNT = 10;

/** @param assembly whose tables and queues they are */
export const startEngines = async (assembly = TEST_ASSEMBLY) => {
  const { dynamodb, sqs, nameOf, stop } = await startTemplateEngines(assembly);
  const client = { region: REGION, credentials: LOCAL_CREDENTIALS };
  const rawClient = patientClient(dynamodb.endpoint);
  const documents = DynamoDBDocumentClient.from(rawClient, { marshallOptions: { removeUndefinedValues: true } });
  const sqsClient = new SQSClient({ ...client, endpoint: sqs.endpoint });
  const table = nameOf('BookingsTable');
  const timerQueueUrl = nameOf('TimerQueue');
  const deadLetterQueueUrl = nameOf('TimerDeadLetterQueue');
  const givenUpQueueUrl = nameOf('ScheduleExpiryDeadLetterQueue');
  const bookings = new DynamoDbTable(rawClient, table);
  const sweepState = new DynamoDbTable(rawClient, nameOf('SweepStateTable'));
  const slotsTable = nameOf('SlotsTable');
  const slots = dynamoDbSlots(rawClient, bookings, slotsTable, BOOKINGS_SHAPE);
  const store = new BookingStore(bookings, SHARD_COUNT, { slotted: slots });
  return {
    dynamodb,
    sqs,
    rawClient,
    documents,
    sqsClient,
    table,
    timerQueueUrl,
    deadLetterQueueUrl,
    bookings,
    sweepState,
    idempotency: new KeyRecords(new DynamoDbTable(rawClient, nameOf('IdempotencyTable'))),
    store,
    slots,
    slotsTable,
    newestFirst: bookingLists(bookings, BOOKINGS_SHAPE),
    deletion: new BookingErasure(bookings, store, BOOKINGS_SHAPE),
    held: new HeldItems(bookings, BOOKINGS_SHAPE),
    index: new PendingIndex(bookings, BOOKINGS_SHAPE, SHARD_COUNT),
    deadLetters: new DeadLetters(sqsClient, deadLetterQueueUrl),
    notes: new PatrolNotes(sweepState, sqsClient, givenUpQueueUrl),
    givenUpQueueUrl,
    queue: new TimerSender(sqsClient, timerQueueUrl),
    /** Takes all visible messages off a queue. */
    drain: async (queueUrl: string = timerQueueUrl): Promise<string[]> => {
      const bodies: string[] = [];
      for (;;) {
        const { Messages = [] } = await sqsClient.send(
          new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: 10 }),
        );
        if (Messages.length === 0) return bodies;
        bodies.push(...Messages.map(({ Body = '' }) => Body));
      }
    },
    stop,
  };
};

export type Engines = Awaited<ReturnType<typeof startEngines>>;
