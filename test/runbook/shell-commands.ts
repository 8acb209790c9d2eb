/** The shell commands that the documents show: in blocks, and in the middle of a sentence. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_DIRECTORY } from '../../service/project.ts';

export interface Document {
  /** Path from the project's folder. */
  readonly file: string;
  /** Each block of shell commands, without its indentation. */
  readonly blocks: readonly string[];
  /** Commands in the middle of a sentence: what begins with a program's name. */
  readonly inline: readonly string[];
}

const FILES = [
  'README.md',
  'SECURITY.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(PROJECT_DIRECTORY, 'docs')).map((name) => `docs/${name}`),
];

/** All documents that operators read. */
export const documents = (): Document[] =>
  FILES.filter((file) => file.endsWith('.md')).map((file) => {
    const text = readFileSync(join(PROJECT_DIRECTORY, file), 'utf8');
    const fenced = /^([ \t]*)```(\w*)\n([\s\S]*?)^[ \t]*```/gm;
    const blocks = [...text.matchAll(fenced)]
      .filter(([, , language]) => language === 'sh')
      .map(([, indentation = '', , block = '']) => block.replaceAll(new RegExp(`^${indentation}`, 'gm'), ''));
    const inline = [...text.replaceAll(fenced, '').matchAll(/`((?:aws|npm) [^`]+)`/g)].map(([, command = '']) =>
      command.replaceAll(/\s+/g, ' '),
    );
    return { file, blocks, inline };
  });

const QUEUE_URL = 'http://127.0.0.1:1/123456789012/queue';

/** What stands for the names in angle brackets. */
const VALUES: Readonly<Record<string, string>> = {
  BookingsTableName: 'bookings',
  SlotsTableName: 'slots',
  slotId: 'friday-20h/table-7',
  TimerQueueUrl: QUEUE_URL,
  TimerDeadLetterQueueUrl: QUEUE_URL,
  ScheduleExpiryDeadLetterQueueUrl: QUEUE_URL,
  SweepDeadLetterQueueUrl: QUEUE_URL,
  PublishEventsDeadLetterQueueUrl: QUEUE_URL,
  WebhookQueueUrl: QUEUE_URL,
  WebhookRetryQueueUrl: QUEUE_URL,
  SendWebhooksFunctionName: 'send-webhooks',
  ExpireBookingFunctionName: 'expire-booking',
  ScheduleExpiryFunctionName: 'schedule-expiry',
  SweepFunctionName: 'sweep',
  BookingsApiFunctionName: 'bookings-api',
  SweepScheduleName: 'sweep',
  CronTokenSecretArn: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:token',
  'function name': 'sweep',
  minutes: '30',
  UUID: '11111111-2222-3333-4444-555555555555',
  name: 'name',
  id: 'seat-1',
  'a bookingId': 'seat-1',
  'epoch ms': '1790000000000',
  'epoch seconds': '1790000000',
};

const NAME = /<([A-Za-z][A-Za-z ]*)>/g;

/** Names in angle brackets that have no value here. */
export const unknownNames = (command: string): string[] =>
  [...command.matchAll(NAME)].map(([, name = '']) => name).filter((name) => VALUES[name] === undefined);

/** Puts values where a document has names in angle brackets. */
export const withValues = (command: string): string =>
  command.replaceAll(NAME, (shown, name: string) => VALUES[name] ?? shown);
