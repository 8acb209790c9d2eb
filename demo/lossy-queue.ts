/** A stand-in between a Lambda and SQS that loses chosen messages: SQS says that it has them, and nobody ever gets them. */
import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { bodyText, listenOnLoopback } from '../local/loopback.ts';

interface Entry {
  readonly Id: string;
  readonly MessageBody: string;
}

export interface LossyQueue {
  /** Where the Lambda is to be pointed at instead of SQS. */
  readonly endpoint: string;
  /** Bodies of the messages that were lost. */
  readonly lost: readonly string[];
  /** Messages go to this endpoint, unless they are lost. */
  forwardTo(endpoint: string): void;
  stop(): Promise<void>;
}

/** @param isLost decides by a message's body whether it is lost */
export const startLossyQueue = async (isLost: (body: string) => boolean): Promise<LossyQueue> => {
  let target = '';
  const lost: string[] = [];
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const text = await bodyText(request);
    const headers = { ...request.headers } as Record<string, string>;
    for (const name of ['host', 'connection', 'content-length']) delete headers[name];
    const forward = async (body: string): Promise<{ status: number; text: string }> => {
      const answer = await fetch(target, { method: 'POST', headers, body });
      return { status: answer.status, text: await answer.text() };
    };
    const answer = headers['x-amz-target']?.endsWith('.SendMessageBatch')
      ? await sendBatch(text, forward)
      : await forward(text);
    response.writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.0' }).end(answer.text);
  };

  const sendBatch = async (text: string, forward: (body: string) => Promise<{ status: number; text: string }>) => {
    const batch = JSON.parse(text) as { Entries: Entry[] };
    const losses = batch.Entries.filter(({ MessageBody }) => isLost(MessageBody));
    const others = batch.Entries.filter((entry) => !losses.includes(entry));
    lost.push(...losses.map(({ MessageBody }) => MessageBody));
    const answer =
      others.length > 0
        ? await forward(JSON.stringify({ ...batch, Entries: others }))
        : { status: 200, text: JSON.stringify({ Successful: [], Failed: [] }) };
    if (answer.status !== 200) return answer;
    const content = JSON.parse(answer.text);
    const pretended = losses.map(({ Id, MessageBody }) => ({
      Id,
      MessageId: randomUUID(),
      MD5OfMessageBody: createHash('md5').update(MessageBody).digest('hex'),
    }));
    return {
      status: 200,
      text: JSON.stringify({ ...content, Successful: [...(content.Successful ?? []), ...pretended] }),
    };
  };

  const { endpoint, stop } = await listenOnLoopback(serve);
  return {
    endpoint,
    lost,
    forwardTo: (to) => {
      target = to;
    },
    stop,
  };
};
