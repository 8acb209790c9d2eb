/** A client of SQS where every request is asked of whoever plays the world. */
import {
  ChangeMessageVisibilityBatchCommand,
  GetQueueAttributesCommand,
  SendMessageBatchCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { Ask } from './asked-table.ts';

export const TIMERS_URL = 'https://queues/timers';
export const DEAD_LETTERS_URL = 'https://queues/dead-letters';

/** Ids of the entries that a queue did not take, with its code for why. */
export type NotTaken = Readonly<Record<string, string>>;

export const askedQueues = (ask: Ask): SQSClient =>
  ({
    send: async (command: unknown) => {
      if (command instanceof SendMessageBatchCommand) {
        const { QueueUrl, Entries = [] } = command.input;
        const entries = Entries.map(({ Id = '', MessageBody = '', DelaySeconds = 0 }) => ({
          id: Id,
          body: MessageBody,
          delaySeconds: DelaySeconds,
        }));
        const to = QueueUrl === TIMERS_URL ? 'timers' : 'dead letters';
        const notTaken = (await ask({ do: 'send', to, entries })) as NotTaken;
        return {
          Successful: entries.filter(({ id }) => notTaken[id] === undefined).map(({ id }) => ({ Id: id })),
          Failed: Object.entries(notTaken).map(([Id, Code]) => ({ Id, Code })),
        };
      }
      if (command instanceof ChangeMessageVisibilityBatchCommand) {
        const retries = (command.input.Entries ?? []).map(({ ReceiptHandle = '', VisibilityTimeout = 0 }) => ({
          receipt: ReceiptHandle,
          seconds: VisibilityTimeout,
        }));
        await ask({ do: 'retry in', retries });
        return {};
      }
      if (command instanceof GetQueueAttributesCommand) {
        return { Attributes: { ApproximateNumberOfMessages: String(await ask({ do: 'count given up' })) } };
      }
      throw new Error('a small world has no such request');
    },
  }) as unknown as SQSClient;
