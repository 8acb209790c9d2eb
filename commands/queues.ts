/** How many messages a queue has, from SQS. */
import { GetQueueAttributesCommand, type QueueAttributeName, type SQSClient } from '@aws-sdk/client-sqs';

/** About how many messages a queue has: `visible` to whoever asks next, `inFlight` with somebody who has not deleted them. */
export const messagesIn = async (sqsClient: SQSClient, QueueUrl: string) => {
  const AttributeNames: QueueAttributeName[] = [
    'ApproximateNumberOfMessages',
    'ApproximateNumberOfMessagesDelayed',
    'ApproximateNumberOfMessagesNotVisible',
  ];
  const { Attributes = {} } = await sqsClient.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames }));
  const [visible = 0, delayed = 0, inFlight = 0] = AttributeNames.map((name) => Number(Attributes[name] ?? 0));
  return { visible, delayed, inFlight };
};

export const arnOf = async (sqsClient: SQSClient, QueueUrl: string | undefined): Promise<string | undefined> => {
  const { Attributes } = await sqsClient.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }),
  );
  return Attributes?.QueueArn;
};
