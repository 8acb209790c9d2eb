/** `npm run webhooks`: shows and rotates the secret, tries whether webhooks arrive, sends again what was given up. */
import { randomBytes, randomUUID } from 'node:crypto';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs';
import { readSecret, receiversForm, SECRETS_FRESH_MS } from '../functions/adapters/webhook-secrets.ts';
import type { WebhookPing, WebhookPingAnswer } from '../functions/contract.ts';
import { webhookOf } from '../functions/core/webhook.ts';
import { parseOptions, UsageError } from '../terminal/usage.ts';
import {
  CONNECT_OPTIONS,
  CONNECT_USAGE,
  type Connection,
  connect,
  reasonOf,
  runCommand,
  type WebhookParts,
} from './connect.ts';

const ACTIONS = ['secret', 'rotate', 'ping', 'redrive'] as const;
type Action = (typeof ACTIONS)[number];

const USAGE = `Usage: npm run webhooks -- <action> [options]

  secret     shows what receivers verify with, as whsec_…, and the one before while it still signs too
  rotate     makes a new secret. It and the one before sign until the next rotation: the receiver may change over in
             between, from ${SECRETS_FRESH_MS / 60_000} minutes after the rotation on
  ping       sends a webhook of the type Ping now, and says how the receiver answered
  redrive    sends the webhooks that were given up once more, from their first try on

  --dry-run              redrive: list them, change nothing
  --json                 JSON instead of text; into a pipe: npm run --silent webhooks -- secret --json | jq
${CONNECT_USAGE}
  -h, --help             this text

Exit codes: 0 done; 1 the receiver did not take the ping, something could not be reached, or the stack sends no webhooks; 2 wrong usage.`;

const readOptions = () => {
  const { values, positionals } = parseOptions({
    allowPositionals: true,
    options: {
      ...CONNECT_OPTIONS,
      'dry-run': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return { ...values, action: 'help' as const };
  const [action, ...more] = positionals;
  if (action === undefined || more.length > 0 || !isAction(action)) {
    throw new UsageError(
      `an action must be given, one of ${ACTIONS.join(', ')}, got ${positionals.join(' ') || 'none'}`,
    );
  }
  if (values['dry-run'] && action !== 'redrive') throw new UsageError(`--dry-run goes with redrive, got ${action}`);
  return { ...values, action };
};
type Options = ReturnType<typeof readOptions>;

const isAction = (text: string): text is Action => (ACTIONS as readonly string[]).includes(text);

/** What an action found or did: as data, in a line or more, and whether all is well. */
interface Told {
  readonly data: object;
  readonly text: string;
  readonly isWell: boolean;
}

const showSecret = async ({ secrets, secretId }: WebhookParts): Promise<Told> => {
  const client = new SecretsManagerClient(secrets);
  const [current, previous] = await Promise.all([
    readSecret(client, secretId, 'AWSCURRENT'),
    readSecret(client, secretId, 'AWSPREVIOUS'),
  ]);
  const text =
    previous === undefined ? `${current}` : `${current}\n${previous}  (the one before, which still signs too)`;
  return { data: { secret: current, previous: previous ?? null }, text, isWell: true };
};

const rotate = async ({ secrets, secretId }: WebhookParts): Promise<Told> => {
  const client = new SecretsManagerClient(secrets);
  const before = await readSecret(client, secretId, 'AWSCURRENT');
  const made = randomBytes(33).toString('base64');
  await client.send(new PutSecretValueCommand({ SecretId: secretId, SecretString: made }));
  const secret = receiversForm(made);
  const fromMs = Date.now() + SECRETS_FRESH_MS;
  const from = new Date(fromMs).toISOString();
  return {
    data: { secret, previous: before, changeOverFrom: from },
    text: `${secret}\nGive it to the receiver after ${from}: from then on it signs everywhere. The one before signs too until the next rotation.`,
    isWell: true,
  };
};

const ping = async ({ lambda, functionName }: WebhookParts): Promise<Told> => {
  const asked: WebhookPing = { pingId: randomUUID() };
  const client = new LambdaClient(lambda);
  const { Payload, FunctionError } = await client.send(
    new InvokeCommand({ FunctionName: functionName, Payload: JSON.stringify(asked) }),
  );
  const answer = JSON.parse(Payload?.transformToString() ?? '{}');
  if (FunctionError !== undefined) throw new Error(`${functionName} failed: ${answer.errorMessage ?? FunctionError}`);
  const { delivered, status, error, durationMs, webhookId } = answer as WebhookPingAnswer;
  const how = delivered ? `the receiver answered ${status}` : error;
  return { data: answer, text: `${webhookId}: ${how} (${durationMs} ms)`, isWell: delivered };
};

/** A message that a redrive has received is seen by nobody else for this long, seconds. */
const HIDDEN_SECONDS = 60;
/** Empty answers in a row after which the queue counts as empty: SQS asks only some of its servers at a time. */
const EMPTY_ANSWERS = 3;

interface Redriven {
  readonly webhookId: string | null;
  readonly type: string | null;
  readonly reason: string | null;
}

const redrive = async (
  { sqsClient, deadLetterQueueUrls }: Connection,
  { queueUrl }: WebhookParts,
  isDryRun: boolean,
): Promise<Told> => {
  const from = deadLetterQueueUrls.get('send-webhooks');
  const startedAtMs = Date.now();
  const found: Redriven[] = [];
  /** Those that stay, to be seen by others again when this has ended. */
  const staying = new Map<string, Message>();
  const notSent: string[] = [];
  const sendFromItsFirstTry = async ({ Body, ReceiptHandle }: Message): Promise<void> => {
    // Without its attributes, which say how often it was tried.
    await sqsClient.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: Body }));
    await sqsClient.send(new DeleteMessageCommand({ QueueUrl: from, ReceiptHandle }));
  };
  for (let empty = 0; empty < EMPTY_ANSWERS; ) {
    const { Messages = [] } = await sqsClient.send(
      new ReceiveMessageCommand({
        QueueUrl: from,
        MaxNumberOfMessages: 10,
        WaitTimeSeconds: 1,
        VisibilityTimeout: HIDDEN_SECONDS,
        MessageAttributeNames: ['reason'],
        MessageSystemAttributeNames: ['SentTimestamp'],
      }),
    );
    // One that has come since was sent again just now and cannot be sent: it would go round for ever.
    const old = Messages.filter(
      ({ MessageId = '', Attributes }) =>
        Number(Attributes?.SentTimestamp ?? 0) < startedAtMs && !staying.has(MessageId),
    );
    empty = old.length === 0 ? empty + 1 : 0;
    for (const message of Messages) staying.set(message.MessageId ?? '', message);
    found.push(...old.map(redrivenOf));
    if (isDryRun || old.length === 0) continue;
    // Each by itself: events may be so large that no two of them go into one request.
    await Promise.all(
      old.map(async (message) => {
        try {
          await sendFromItsFirstTry(message);
          staying.delete(message.MessageId ?? '');
        } catch (error) {
          notSent.push(reasonOf(error));
        }
      }),
    );
  }
  await Promise.all(
    Array.from(staying.values(), ({ ReceiptHandle }) =>
      sqsClient
        .send(new ChangeMessageVisibilityCommand({ QueueUrl: from, ReceiptHandle, VisibilityTimeout: 0 }))
        // Then it is seen a minute later.
        .catch(() => undefined),
    ),
  );
  const lines = found.map(
    ({ webhookId, type, reason }) => `  ${webhookId ?? 'no webhook'}  ${type ?? ''}  ${reason ?? ''}`,
  );
  const failed = notSent.length;
  const sent = found.length - failed;
  const sum = isDryRun ? `Would send ${found.length} webhook(s) again` : `Sent ${sent} webhook(s) again`;
  return {
    data: { ...(isDryRun ? { wouldSend: found } : { sent, failed, webhooks: found }) },
    text: [...lines, ...notSent.map((reason) => `  one was not sent: ${reason}`), sum].join('\n'),
    isWell: failed === 0,
  };
};

const redrivenOf = ({ Body = '', MessageAttributes }: Message): Redriven => {
  const reason = MessageAttributes?.reason?.StringValue ?? null;
  try {
    const { webhookId, type } = webhookOf(Body);
    return { webhookId, type, reason };
  } catch {
    return { webhookId: null, type: null, reason };
  }
};

const run = async (action: Action, connection: Connection, options: Options): Promise<Told> => {
  const { webhooks, placeText } = connection;
  if (webhooks === undefined) {
    throw new Error(`the ${placeText} sends no webhooks: deploy with -c webhookUrl=…, or start it with WEBHOOK_URL`);
  }
  switch (action) {
    case 'secret':
      return showSecret(webhooks);
    case 'rotate':
      return rotate(webhooks);
    case 'ping':
      return ping(webhooks);
    case 'redrive':
      return redrive(connection, webhooks, options['dry-run']);
  }
};

runCommand('webhooks', async () => {
  const options = readOptions();
  if (options.action === 'help') {
    console.log(USAGE);
    return;
  }
  // By this machine's clock a redrive knows what it has sent itself.
  const connection = await connect(options, options.action === 'redrive' ? 'write' : 'look');
  if (!options.json) console.error(connection.placeText);
  const { data, text, isWell } = await run(options.action, connection, options);
  console.log(options.json ? JSON.stringify({ ...data, ...connection.place }) : text);
  if (!isWell) process.exitCode = 1;
});
