/** Real engines for a test file: DynamoDB and SQS over HTTP, with the tables and queues of the synthesized template. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { BookingStore } from '../../functions/adapters/booking-store.ts';
import { TimerQueue } from '../../functions/adapters/timer-queue.ts';
import { documentClient } from '../../functions/runtime/clients.ts';
import { LOCAL_CREDENTIALS, REGION } from '../../local/engines.ts';
import { startTemplateEngines } from '../../local/template-engines.ts';
import { TEST_ASSEMBLY } from './synthesize.ts';

export const SHARD_COUNT = 10;

/** What is tested here does not depend on how busy the machine is. How patient the service itself is, other tests show. */
const PATIENT = { connectionTimeout: 10_000, requestTimeout: 20_000, throwOnRequestTimeout: true };

export const startEngines = async () => {
  const { dynamodb, sqs, nameOf, stop } = await startTemplateEngines(TEST_ASSEMBLY);
  const client = { region: REGION, credentials: LOCAL_CREDENTIALS };
  const dynamodbConfig = { ...client, endpoint: dynamodb.endpoint, requestHandler: PATIENT };
  const rawClient = new DynamoDBClient(dynamodbConfig);
  const documents = documentClient(dynamodbConfig);
  const sqsClient = new SQSClient({ ...client, endpoint: sqs.endpoint });
  const table = nameOf('BookingsTable');
  const timerQueueUrl = nameOf('TimerQueue');
  return {
    dynamodb,
    sqs,
    rawClient,
    documents,
    sqsClient,
    table,
    timerQueueUrl,
    sweepStateTable: nameOf('SweepStateTable'),
    store: new BookingStore(documents, table, SHARD_COUNT),
    queue: new TimerQueue(sqsClient, timerQueueUrl),
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
