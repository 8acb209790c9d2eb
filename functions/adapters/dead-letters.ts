/**
 * The dead-letter queue of a Lambda, for what can never be processed: it is put there at once, with its reason, instead of
 * being tried until Lambda gives up and everything behind it has waited.
 */
import { SendMessageBatchCommand, type SendMessageBatchRequestEntry, type SQSClient } from '@aws-sdk/client-sqs';
import { asciiJson } from '../core/ascii-json.ts';
import type { DeadLetter, DeadLetterBox } from '../core/ports.ts';

/** Most entries of one SendMessageBatch (Amazon SQS API Reference). */
const MAX_ENTRIES = 10;
/** A reason is for people; a huge one would only make the message too large. */
const MAX_REASON_LENGTH = 1_000;

export class DeadLetters implements DeadLetterBox {
  readonly #client: SQSClient;
  readonly #queueUrl: string;

  constructor(client: SQSClient, queueUrl: string) {
    this.#client = client;
    this.#queueUrl = queueUrl;
  }

  async put<T extends DeadLetter>(letters: readonly T[]): Promise<T[]> {
    const untaken: T[] = [];
    for (let start = 0; start < letters.length; start += MAX_ENTRIES) {
      untaken.push(...(await this.#putBatch(letters.slice(start, start + MAX_ENTRIES))));
    }
    return untaken;
  }

  async #putBatch<T extends DeadLetter>(letters: readonly T[]): Promise<T[]> {
    try {
      const { Successful = [] } = await this.#client.send(
        new SendMessageBatchCommand({ QueueUrl: this.#queueUrl, Entries: letters.map(entryOf) }),
      );
      const taken = new Set(Successful.map(({ Id }) => Id));
      return letters.filter((_, index) => !taken.has(String(index)));
    } catch {
      // Ten large bodies may be too much for one request.
      if (letters.length === 1) return [...letters];
      return (await Promise.all(letters.map((letter) => this.#putBatch([letter])))).flat();
    }
  }
}

const entryOf = ({ body, reason }: DeadLetter, index: number): SendMessageBatchRequestEntry => {
  const short = reason.slice(0, MAX_REASON_LENGTH);
  return {
    Id: String(index),
    MessageBody: typeof body === 'string' ? body : asciiJson({ ...body, reason: short }),
    // The attribute takes the same characters as a body.
    MessageAttributes: { reason: { DataType: 'String', StringValue: asciiJson(short).slice(1, -1) || 'unknown' } },
  };
};
