/** Makes the queues that the template describes, or brings those of an earlier run up to date. */
import {
  CreateQueueCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  SetQueueAttributesCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { type Assembly, physicalName } from './assembly.ts';
import { attempt } from './left-aside.ts';
import { References } from './references.ts';
import { resourcesOf, UnsupportedTemplateError } from './template.ts';
import { unless } from './unless.ts';

/** Makes all queues, dead-letter queues first, and notes their URLs and ARNs. */
export const createQueues = async (
  assembly: Assembly,
  client: SQSClient,
  endpoint: string,
  references: References,
): Promise<void> => {
  const queues = new Map(resourcesOf(assembly.template, 'AWS::SQS::Queue'));
  const made = new Set<string>();
  const make = async (logicalId: string, properties: Record<string, unknown>): Promise<void> => {
    if (made.has(logicalId)) return;
    made.add(logicalId);
    const redrive = references.resolve(properties.RedrivePolicy) as RedrivePolicy | undefined;
    const targetId = references.ownerOf(String(redrive?.deadLetterTargetArn)) ?? '';
    const target = queues.get(targetId);
    if (target) await make(targetId, target);
    // Resolved again: only now its ARN is the one that the engine gave it.
    const resolved = { ...(references.resolve(properties) as Record<string, unknown>) };
    if (target === undefined && resolved.RedrivePolicy !== undefined) {
      attempt(assembly.leftAside, logicalId, () => {
        throw new UnsupportedTemplateError([`dead-letter queue of ${logicalId}: it is not in the template`]);
      });
      delete resolved.RedrivePolicy;
    }
    const QueueName = queueName(assembly, logicalId, resolved, references);
    const Attributes = Object.fromEntries(
      QUEUE_ATTRIBUTES.flatMap((name) => {
        const value = resolved[name];
        if (value === undefined) return [];
        return [[name, typeof value === 'object' ? JSON.stringify(value) : String(value)]];
      }),
    );
    const QueueUrl = await createQueue(client, endpoint, QueueName, Attributes);
    // Only the engine knows which account and region it is: a redrive policy is refused with any other.
    const { Attributes: { QueueArn } = {} } = await client.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }),
    );
    references.set(logicalId, QueueUrl, { Arn: QueueArn ?? '', QueueName });
  };
  for (const [logicalId, properties] of queues) await make(logicalId, properties);
};

interface RedrivePolicy {
  readonly deadLetterTargetArn?: unknown;
}

/** What an engine acts on. */
const QUEUE_ATTRIBUTES: readonly string[] = [
  'ContentBasedDeduplication',
  'DelaySeconds',
  'FifoQueue',
  'MaximumMessageSize',
  'MessageRetentionPeriod',
  'ReceiveMessageWaitTimeSeconds',
  'RedrivePolicy',
  'VisibilityTimeout',
];

/** A queue that keeps an order has a name that says so. */
const queueName = (
  assembly: Assembly,
  logicalId: string,
  { QueueName, FifoQueue }: Record<string, unknown>,
  references: References,
): string => {
  const ending = QueueName === undefined && FifoQueue === true ? '.fifo' : '';
  return physicalName(assembly, logicalId, references.resolve(QueueName)) + ending;
};

const createQueue = async (
  client: SQSClient,
  endpoint: string,
  QueueName: string,
  Attributes: Record<string, string>,
): Promise<string> => {
  try {
    const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName, Attributes }));
    return atEndpoint(endpoint, QueueUrl);
  } catch (error) {
    // Engines name it with and without the prefix of the older protocol.
    if (!(error instanceof Error && error.name.endsWith('QueueNameExists'))) throw error;
  }
  const QueueUrl = await findQueue(client, endpoint, QueueName);
  await client.send(new SetQueueAttributesCommand({ QueueUrl, Attributes }));
  return QueueUrl;
};

const findQueue = async (client: SQSClient, endpoint: string, QueueName: string): Promise<string> =>
  atEndpoint(endpoint, (await client.send(new GetQueueUrlCommand({ QueueName }))).QueueUrl);

/** The SDK sends to the host of a queue's URL, and an engine may believe that it has another one than it was reached at. */
const atEndpoint = (endpoint: string, queueUrl = ''): string => new URL(new URL(queueUrl).pathname, endpoint).href;

/** Deletes what `createQueues` has made so far. */
export const deleteQueues = async (
  assembly: Assembly,
  client: SQSClient,
  endpoint: string,
  references = new References(),
): Promise<void> => {
  for (const [logicalId, properties] of resourcesOf(assembly.template, 'AWS::SQS::Queue')) {
    const QueueUrl = await findQueue(client, endpoint, queueName(assembly, logicalId, properties, references)).catch(
      unless('QueueDoesNotExist'),
    );
    if (QueueUrl !== undefined) await client.send(new DeleteQueueCommand({ QueueUrl }));
  }
};
