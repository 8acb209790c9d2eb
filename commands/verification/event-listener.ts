/** Listens to the event bus: on AWS by a rule and a queue for a while, locally at the address where events are streamed. */
import {
  DeleteRuleCommand,
  EventBridgeClient,
  PutRuleCommand,
  PutTargetsCommand,
  RemoveTargetsCommand,
} from '@aws-sdk/client-eventbridge';
import { DETAIL_TYPES, EVENT_SOURCE } from '../../functions/core/booking-events.ts';
import { SECOND_MS } from '../../functions/core/hold-time.ts';
import type { Verification } from './step.ts';
import { temporaryQueue } from './temporary-queue.ts';

/** An event as a rule's target gets it, as far as it is looked at. */
export interface HeardEvent {
  readonly source: string;
  readonly 'detail-type': string;
  readonly detail: { readonly bookingId?: string; readonly eventId?: string };
}

/** @returns what was heard since the last call; waits a little for something to hear */
export type Listener = () => Promise<HeardEvent[]>;

/** @param bookingIdPrefix the events of which bookings are heard */
export const listen = (verification: Verification, bookingIdPrefix: string): Promise<Listener> =>
  verification.deployment.eventsUrl === undefined
    ? listenByRule(verification, bookingIdPrefix)
    : listenToStream(verification, verification.deployment.eventsUrl);

const TARGET_ID = 'verify';

const listenByRule = async (verification: Verification, bookingIdPrefix: string): Promise<Listener> => {
  const { deployment, cleanUp, runId } = verification;
  const EventBusName = deployment.outputs.EventBusName;
  const eventBridge = deployment.ledger.watch('EventBridge', new EventBridgeClient(deployment.client));
  const queue = await temporaryQueue(verification, 'events');
  const Name = `booking-expiry-verify-${runId}`;
  const { RuleArn = '' } = await eventBridge.send(
    new PutRuleCommand({
      Name,
      EventBusName,
      Description: 'For a while: npm run verify-deployment',
      EventPattern: JSON.stringify({
        source: [EVENT_SOURCE],
        'detail-type': [DETAIL_TYPES.EXPIRED],
        detail: { bookingId: [{ prefix: bookingIdPrefix }] },
      }),
    }),
  );
  cleanUp.add(`rule ${Name} on the bus ${EventBusName}`, async () => {
    await eventBridge.send(new RemoveTargetsCommand({ Rule: Name, EventBusName, Ids: [TARGET_ID] }));
    await eventBridge.send(new DeleteRuleCommand({ Name, EventBusName }));
  });
  await queue.allow('events', RuleArn);
  const { FailedEntries: [refused] = [] } = await eventBridge.send(
    new PutTargetsCommand({ Rule: Name, EventBusName, Targets: [{ Id: TARGET_ID, Arn: queue.arn }] }),
  );
  if (refused) throw new Error(`the rule ${Name} refuses the queue: ${refused.ErrorMessage}`);
  return async () => (await queue.receive()).map((body) => JSON.parse(body));
};

const listenToStream = async ({ cleanUp, pause }: Verification, url: string): Promise<Listener> => {
  const stop = new AbortController();
  const response = await fetch(url, { signal: stop.signal });
  cleanUp.add('a connection to the event stream', async () => stop.abort());
  const heard: HeardEvent[] = [];
  void readEvents(response, heard).catch(() => {
    // The connection ends with the runtime, or by the clean-up: then nothing more is heard.
  });
  return async () => {
    await pause(SECOND_MS / 4);
    return heard.splice(0);
  };
};

/** Reads server-sent events, each of which has its data in one line. */
const readEvents = async ({ body }: Response, heard: HeardEvent[]): Promise<void> => {
  let rest = '';
  for await (const text of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.startsWith('data: ')) heard.push(JSON.parse(line.slice('data: '.length)));
  }
};
