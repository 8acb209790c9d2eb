/** A queue that hears for a while what is sent to it by one topic or rule, and is deleted at the end. */
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  DeleteQueueCommand,
  ReceiveMessageCommand,
  SetQueueAttributesCommand,
} from '@aws-sdk/client-sqs';
import { arnOf } from '../queues.ts';
import type { Verification } from './step.ts';

/** How long one look waits for a message, s: less than the client waits for an answer. */
const LOOK_SECONDS = 1;

export interface TemporaryQueue {
  readonly arn: string;
  /** Lets one service send to it, for one source. */
  allow(service: 'events' | 'sns', sourceArn: string): Promise<void>;
  /** The messages that came since the last look; waits a little for the first. */
  receive(): Promise<string[]>;
}

/** @param purpose part of its name, which begins with `booking-expiry-verify-` */
export const temporaryQueue = async (
  { deployment, cleanUp, runId }: Verification,
  purpose: string,
): Promise<TemporaryQueue> => {
  const { sqsClient } = deployment.connection;
  const QueueName = `booking-expiry-verify-${runId}-${purpose}`;
  const { QueueUrl } = await sqsClient.send(
    new CreateQueueCommand({ QueueName, Attributes: { MessageRetentionPeriod: '600', SqsManagedSseEnabled: 'true' } }),
  );
  cleanUp.add(`queue ${QueueName}`, () => sqsClient.send(new DeleteQueueCommand({ QueueUrl })));
  const arn = (await arnOf(sqsClient, QueueUrl)) ?? '';
  return {
    arn,
    allow: async (service, sourceArn) => {
      const Policy = JSON.stringify({
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Allow',
            Principal: { Service: `${service}.amazonaws.com` },
            Action: 'sqs:SendMessage',
            Resource: arn,
            Condition: { ArnEquals: { 'aws:SourceArn': sourceArn } },
          },
        ],
      });
      await sqsClient.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { Policy } }));
    },
    receive: async () => {
      const { Messages = [] } = await sqsClient.send(
        new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: LOOK_SECONDS }),
      );
      for (const { ReceiptHandle } of Messages)
        await sqsClient.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
      return Messages.map(({ Body = '' }) => Body);
    },
  };
};
