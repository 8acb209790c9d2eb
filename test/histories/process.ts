/**
 * A process of the service, or of an application, as it runs in a history: the real adapters over clients that a fault may
 * befall. Its SQS and its event bus are stand-ins that keep what they are given.
 */

import { randomUUID } from 'node:crypto';
import {
  BatchExecuteStatementCommand,
  BatchGetItemCommand,
  type DynamoDBClient,
  QueryCommand,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import type { PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { GetQueueAttributesCommand, SendMessageBatchCommand } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient, type GetCommand } from '@aws-sdk/lib-dynamodb';
import { BookingStore } from '../../functions/adapters/booking-store.ts';
import { DeadLetters } from '../../functions/adapters/dead-letters.ts';
import { DynamoDbTable } from '../../functions/adapters/dynamodb-table.ts';
import { HeldItems } from '../../functions/adapters/held-items.ts';
import { PatrolNotes } from '../../functions/adapters/patrol-notes.ts';
import { PendingIndex } from '../../functions/adapters/pending-index.ts';
import { sweepScheduling } from '../../functions/adapters/sweep-scheduling.ts';
import { TimerSender } from '../../functions/adapters/timer-sender.ts';
import type { TimerSettings } from '../../functions/core/hold-time.ts';
import type { TableShape } from '../../functions/table/shape.ts';
import { recordingTelemetry } from '../support/telemetry.ts';
import type { UnreliableRequests } from '../support/unreliable-requests.ts';
import type { Documents } from './application.ts';
import type { Fault } from './faults.ts';
import type { OldView } from './past.ts';

/** What one deployment is set to. */
export interface Settings extends TimerSettings {
  readonly shardCount: number;
}

/** How a process runs. */
export interface Circumstances {
  readonly fault?: Fault | undefined;
  /** How far its clock is ahead of the true one, in ms; negative for behind. */
  readonly offMs?: number;
  /** Those of the deployment that it belongs to. */
  readonly settings: Settings;
  /** How old what it sees is wherever it does not ask for a consistent read, in ms. */
  readonly lagMs?: number;
}

export const TIMERS = 'http://127.0.0.1/timers';
/** Where what schedule-expiry could not process ends, and where records are described that were given up. */
export const STREAM_LETTERS = 'http://127.0.0.1/stream-dead-letters';
export const TIMER_LETTERS = 'http://127.0.0.1/timer-dead-letters';

/** Most bytes of the entries of one PutEvents (Amazon EventBridge User Guide, PutEvents). */
const MAX_EVENT_BYTES = 256 * 1024;
/** What SQS refuses in a body (Amazon SQS API Reference, SendMessage). */
const REFUSED_IN_A_BODY = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;
/** Items of one page of a scan: a table has several pages, whatever few items it has. */
const SCANNED_ITEMS = 1;

/** Thrown by every request of a process that has crashed. */
class Crash extends Error {
  override readonly name = 'Crash';
}

/** What a process reaches. */
export interface Surroundings {
  readonly client: DynamoDBClient;
  readonly network: UnreliableRequests;
  readonly table: string;
  readonly stateTable: string;
  /** What the table looks like. */
  readonly shape: TableShape;
  /** What it sees without a consistent read. */
  readonly view: OldView;
  readonly send: (queueUrl: string, body: string, delaySeconds: number) => void;
  readonly messagesIn: (queueUrl: string) => number;
  readonly publish: (detail: { readonly eventId: string }) => void;
}

export const startProcess = (surroundings: Surroundings, { fault, settings }: Circumstances) => {
  const { client: dynamodb, network, table, stateTable, shape, view, send, messagesIn, publish } = surroundings;
  let request = 0;
  let tries = 0;
  let crashed = false;
  network.befallBy((operation) => {
    if (fault?.kind !== 'network' || (fault.only !== undefined && fault.only !== operation)) return undefined;
    tries += 1;
    return tries > fault.afterTries && tries <= fault.afterTries + fault.times ? fault.befalls : undefined;
  });
  const guarded = async <T>(carryOut: () => Promise<T>): Promise<T> => {
    if (crashed) throw new Crash('crashed before');
    const isLast = fault?.kind === 'crash' && request === fault.atRequest;
    request += 1;
    if (isLast) {
      crashed = true;
      if (fault.carriedOut) await carryOut();
      throw new Crash('crashed now');
    }
    if (fault?.kind === 'outage' && request <= fault.requests) throw new Error('InternalServerError');
    return carryOut();
  };
  const isHit = (index: number) => fault?.kind === 'half-fails' && (index % 2 === 1) === fault.odd;
  const execute = async (command: BatchExecuteStatementCommand) => {
    const statements = command.input.Statements ?? [];
    const spared = statements.filter((_, index) => !isHit(index));
    const answers =
      spared.length === 0
        ? []
        : ((await dynamodb.send(new BatchExecuteStatementCommand({ Statements: spared }))).Responses ?? []);
    const Responses = statements.map((_, index) =>
      isHit(index) ? { Error: { Code: 'ThrottlingError' as const } } : answers.shift(),
    );
    return { Responses, $metadata: { attempts: 1 } };
  };
  const client = {
    send: async (command: { input: object }) => {
      // A sweep looks into two hundred shards. The empty ones take no request, so that a fault meets what matters.
      const empty = command instanceof QueryCommand ? view.emptyQuery(command.input) : undefined;
      if (empty) return empty;
      return guarded(async () => {
        if (command instanceof BatchExecuteStatementCommand && fault?.kind === 'half-fails') return execute(command);
        if (command instanceof ScanCommand) Object.assign(command.input, { Limit: SCANNED_ITEMS });
        const old =
          command instanceof QueryCommand
            ? view.query(command.input)
            : command instanceof BatchGetItemCommand
              ? view.batchGet(command.input)
              : undefined;
        return old ?? dynamodb.send(command as never);
      });
    },
  } as unknown as DynamoDBClient;
  const sqs = {
    send: (command: { input: object }) =>
      guarded(async () => {
        if (command instanceof GetQueueAttributesCommand) {
          return { Attributes: { ApproximateNumberOfMessages: String(messagesIn(command.input.QueueUrl ?? '')) } };
        }
        if (!(command instanceof SendMessageBatchCommand)) return {};
        const { QueueUrl = '', Entries = [] } = command.input;
        const Successful = [];
        const Failed = [];
        for (const [index, { Id, MessageBody = '', DelaySeconds = 0 }] of Entries.entries()) {
          if (isHit(index)) Failed.push({ Id, Code: 'InternalError' });
          else if (REFUSED_IN_A_BODY.test(MessageBody)) Failed.push({ Id, Code: 'InvalidMessageContents' });
          else {
            // An answer that is lost makes the SDK send it again.
            const times = fault?.kind === 'network' && fault.befalls !== 'request-lost' ? 2 : 1;
            for (let time = 0; time < times; time += 1) send(QueueUrl, MessageBody, DelaySeconds);
            Successful.push({ Id });
          }
        }
        return { Successful, Failed };
      }),
  };
  const eventBridge = {
    send: ({ input: { Entries = [] } }: PutEventsCommand) =>
      guarded(async () => {
        const bytes = Entries.reduce((sum, { Detail = '' }) => sum + Buffer.byteLength(Detail), 0);
        if (bytes > MAX_EVENT_BYTES) throw Object.assign(new Error('too large'), { name: 'ValidationException' });
        return {
          Entries: Entries.map(({ Detail = '' }, index) => {
            if (isHit(index)) return { ErrorCode: 'InternalFailure' };
            publish(JSON.parse(Detail));
            return { EventId: randomUUID() };
          }),
        };
      }),
  };
  // Numbers as they are stored: a deadline may have more digits than JavaScript's numbers.
  const translation = { unmarshallOptions: { wrapNumbers: true } };
  const documents: Documents = {
    send: (command) =>
      guarded<unknown>(() => DynamoDBDocumentClient.from(dynamodb, translation).send(command as GetCommand)),
  };
  const bookings = new DynamoDbTable(client, table);
  const state = new DynamoDbTable(client, stateTable);
  const queue = new TimerSender(sqs as never, TIMERS);
  return {
    documents,
    bookings: new BookingStore(bookings, settings.shardCount),
    store: new HeldItems(bookings, shape),
    index: new PendingIndex(bookings, shape, settings.shardCount),
    scheduling: sweepScheduling(queue, state),
    notes: new PatrolNotes(state, sqs as never, STREAM_LETTERS),
    queue,
    streamLetters: new DeadLetters(sqs as never, STREAM_LETTERS),
    timerLetters: new DeadLetters(sqs as never, TIMER_LETTERS),
    eventBridge,
    ...recordingTelemetry(),
    hasCrashed: () => crashed,
  };
};

export type Process = ReturnType<typeof startProcess>;
