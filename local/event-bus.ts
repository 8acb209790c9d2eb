/**
 * A stand-in for EventBridge that speaks PutEvents to the real SDK client and shows every event that is published to
 * whoever listens: `GET /events` streams them as server-sent events, from the one that `Last-Event-ID` names on.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { EventStream } from './event-stream.ts';
import { bodyText, type LoopbackServer, listenOnLoopback } from './loopback.ts';

/** An event as EventBridge hands it to a rule's target. */
export interface PublishedEvent {
  readonly version: '0';
  readonly id: string;
  readonly source: string;
  readonly 'detail-type': string;
  readonly time: string;
  readonly region: string;
  readonly account: string;
  readonly resources: readonly string[];
  readonly detail: unknown;
}

interface Entry {
  readonly EventBusName?: string;
  readonly Source?: string;
  readonly DetailType?: string;
  readonly Detail?: string;
  readonly Time?: number;
  readonly Resources?: readonly string[];
}

/** Most entries of one PutEvents, and most bytes of them (Amazon EventBridge User Guide, PutEvents). */
const MAX_ENTRIES = 10;
const MAX_BYTES = 256 * 1024;
/** Events that are kept for listeners that come back. */
const KEPT_EVENTS = 1_000;

export interface LocalEventBusOptions {
  readonly region: string;
  readonly account: string;
  /** Names of the buses that there are. */
  readonly busNames: readonly string[];
  /** Told of each event, and of the name of its bus. */
  readonly onEvent: (event: PublishedEvent, busName: string) => void;
}

export const startEventBus = async ({
  region,
  account,
  busNames,
  onEvent,
}: LocalEventBusOptions): Promise<LoopbackServer> => {
  const stream = new EventStream({ kept: KEPT_EVENTS, greeting: 'events of the local runtime, as they are published' });

  const publish = (entry: Entry): { EventId: string } | { ErrorCode: string; ErrorMessage: string } => {
    const refuse = (ErrorCode: string, ErrorMessage: string) => ({ ErrorCode, ErrorMessage });
    const { EventBusName = 'default', Source, DetailType, Detail, Time, Resources = [] } = entry;
    const busName = EventBusName.split('/').at(-1) ?? '';
    if (!busNames.includes(busName)) return refuse('ResourceNotFoundException', `there is no event bus ${busName}`);
    if (!Source || !DetailType) return refuse('InvalidArgument', 'Source and DetailType are required');
    let detail: unknown;
    try {
      detail = JSON.parse(Detail ?? '');
    } catch {
      return refuse('MalformedDetail', 'Detail is malformed');
    }
    const event: PublishedEvent = {
      version: '0',
      id: randomUUID(),
      source: Source,
      'detail-type': DetailType,
      time: new Date(Time === undefined ? Date.now() : Time * 1_000).toISOString(),
      region,
      account,
      resources: Resources,
      detail,
    };
    stream.send(DetailType, event, event.id);
    onEvent(event, busName);
    return { EventId: event.id };
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method === 'GET' && request.url?.split('?')[0] === '/events') {
      stream.open(request, response);
      return;
    }
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
    };
    if (request.method !== 'POST') return answer(404, { message: 'only PutEvents, and GET /events' });
    const action = String(request.headers['x-amz-target']).split('.').at(-1);
    if (action !== 'PutEvents')
      return answer(400, { __type: 'UnknownOperationException', message: `${action} is not supported` });
    const { Entries = [] } = JSON.parse(await bodyText(request)) as { Entries?: Entry[] };
    if (Entries.length < 1 || Entries.length > MAX_ENTRIES) {
      return answer(400, {
        __type: 'ValidationException',
        message: `Entries must be 1 to ${MAX_ENTRIES}, got ${Entries.length}`,
      });
    }
    const bytes = Entries.reduce((sum, entry) => sum + entryBytes(entry), 0);
    if (bytes > MAX_BYTES) {
      return answer(400, {
        __type: 'ValidationException',
        message: `Total size of the entries in the request is over the limit: ${MAX_BYTES} bytes are allowed, got ${bytes}`,
      });
    }
    const results = Entries.map(publish);
    answer(200, { Entries: results, FailedEntryCount: results.filter((result) => 'ErrorCode' in result).length });
  };
  const { endpoint, server, stop } = await listenOnLoopback(serve);
  return {
    endpoint,
    server,
    stop: () => {
      stream.stop();
      return stop();
    },
  };
};

/** What EventBridge counts of an entry: 14 bytes for its time, and the text of the rest (same guide, entry sizes). */
const entryBytes = ({ Time, Source = '', DetailType = '', Detail = '', Resources = [] }: Entry): number =>
  (Time === undefined ? 0 : 14) +
  [Source, DetailType, Detail, ...Resources].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
