/** How far a patrol has come, kept in the sweep's state table; and how many records schedule-expiry has given up. */
import { GetQueueAttributesCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { PATROL_STATE_ID, SWEEP_STATE_ATTRIBUTES } from '../contract.ts';
import type { PatrolState } from '../core/left-out.ts';
import { type ConditionalWrite, isAsSeen } from '../table/conditional-write.ts';
import { asStored, type Item } from '../table/item.ts';
import type { Table } from '../table/table.ts';

const KEY = { [SWEEP_STATE_ATTRIBUTES.stateId]: { S: PATROL_STATE_ID } };

export class PatrolNotes {
  readonly #stateTable: Table;
  readonly #client: SQSClient;
  readonly #deadLetterQueueUrl: string;

  /**
   * @param stateTable the sweep's own table
   * @param deadLetterQueueUrl where the records are described that schedule-expiry gave up
   */
  constructor(stateTable: Table, client: SQSClient, deadLetterQueueUrl: string) {
    this.#stateTable = stateTable;
    this.#client = client;
    this.#deadLetterQueueUrl = deadLetterQueueUrl;
  }

  /** What was noted last, and how to note what comes next: unless another patrol has since. */
  async read(): Promise<{ readonly state: PatrolState<Item>; note(state: PatrolState<Item>): Promise<void> }> {
    const item = (await this.#stateTable.get(KEY)) ?? {};
    const cursor = item.cursor?.M;
    const revision = numberOf(item, 'revision');
    return {
      state: {
        ...(cursor && { cursor }),
        isWhole: numberOf(item, 'isWhole') === 1,
        givenUp: numberOf(item, 'givenUp'),
      },
      note: async (next) => {
        // Unless another patrol has noted something since.
        const write: ConditionalWrite = {
          set: {
            revision: revision + 1,
            isWhole: next.isWhole ? 1 : 0,
            givenUp: next.givenUp,
            ...(next.cursor && { cursor: { stored: { M: next.cursor } } }),
          },
          remove: next.cursor === undefined ? ['cursor'] : [],
          condition: [isAsSeen('revision', asStored(item, 'revision'))],
        };
        await this.#stateTable.write(KEY, write);
      },
    };
  }

  /** Records that were given up, as far as nobody has removed their descriptions. */
  async countGivenUp(): Promise<number> {
    const { Attributes = {} } = await this.#client.send(
      new GetQueueAttributesCommand({
        QueueUrl: this.#deadLetterQueueUrl,
        AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
      }),
    );
    return Object.values(Attributes).reduce((sum, count) => sum + Number(count), 0);
  }
}

const numberOf = (item: Item, name: string): number => Number(item[name]?.N ?? 0);
