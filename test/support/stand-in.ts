/** Something between a client and an engine that answers or changes what an engine of another make would. */
import { text } from 'node:stream/consumers';
import { listenOnLoopback } from '../../local/loopback.ts';

/** A request as DynamoDB and SQS get it. */
export interface Request {
  /** `CreateTable`, for example. */
  readonly action: string;
  readonly body: string;
}

/** An error in place of the engine's answer. */
export interface Refusal {
  readonly type: string;
  readonly message: string;
}

export interface StandInBehaviour {
  /** What is refused. @default - nothing */
  refuse?(request: Request): Refusal | undefined;
  /** Changes a request on its way to the engine. @default - unchanged */
  changeRequest?(body: string): string;
  /** Changes an answer on its way back. @default - unchanged */
  changeAnswer?(body: string): string;
}

/** Starts it on loopback. */
export const startStandIn = async (target: string, behaviour: StandInBehaviour) => {
  const { refuse = () => undefined, changeRequest = same, changeAnswer = same } = behaviour;
  const { endpoint, stop } = await listenOnLoopback(async (incoming, response) => {
    const answer = (status: number, body: string) =>
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(body);
    const body = await text(incoming);
    const { 'x-amz-target': actionHeader, authorization = '' } = incoming.headers;
    const refusal = refuse({ action: String(actionHeader).split('.').at(-1) ?? '', body });
    if (refusal) {
      answer(400, JSON.stringify({ __type: `com.amazonaws#${refusal.type}`, message: refusal.message }));
      return;
    }
    const headers = {
      authorization,
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': String(actionHeader),
      'x-amz-date': String(incoming.headers['x-amz-date']),
    };
    const passedOn = await fetch(target, { method: 'POST', headers, body: changeRequest(body) }).catch(() => undefined);
    if (passedOn === undefined) response.destroy();
    else answer(passedOn.status, changeAnswer(await passedOn.text()));
  });
  return { endpoint, stop };
};

const same = (body: string): string => body;
