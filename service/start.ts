/** `npm start`: runs the whole service on this machine until Ctrl-C. */
import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { REGION } from '../local/engines.ts';
import { errorInWords, PRINTED, stopOnCtrlC } from '../local/in-terminal.ts';
import { enginesInWords } from '../local/open-engines.ts';
import { contextFrom, parseOptions, portFrom, seeHelp, UsageError, WRONG_USAGE } from '../terminal/usage.ts';
import { LOCAL_DIRECTORY } from './project.ts';
import { shownServiceFile } from './runtime-file.ts';
import { type OwnRuntime, startOwnRuntime } from './service.ts';

const USAGE = `Usage: npm start -- [options]

Runs the service on this machine, on loopback only, until Ctrl-C.

  --sweep-every <seconds>   sweep at this pace instead of the template's; 'never' to sweep only when asked
  -c, --context <name=value>  a setting of the CDK app, such as sweepIntervalMinutes=10; may be repeated
  -h, --help                this text

Environment:
  DATA_DIR             folder that bookings and timers outlive a restart in (default: in memory)
  PORT                 port of the HTTP API (default 3000; 0 for any free one)
  CRON_TOKEN           bearer token of the cron webhook (default: made up and printed)
  WEBHOOK_URL          where each event is posted to, such as http://127.0.0.1:8001/hook (default: nowhere)
  WEBHOOK_SECRET       what webhooks are signed with, whsec_ and base64 of 24 to 64 bytes (default: made up and printed)
  DYNAMODB_PORT        port of DynamoDB (default 8000; 0 for any free one)
  SQS_PORT             port of SQS (default 9324; 0 for any free one)
  RUNTIME_FILE         file that tells the commands where everything is (default .local/runtime.json): with one of its
                       own, and with other ports, a second runtime runs beside the first
  DYNAMODB_ENDPOINT    another DynamoDB engine on loopback, instead of the embedded one
  SQS_ENDPOINT         another SQS engine on loopback, instead of the embedded one`;

const BASE64 = /^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Standard Webhooks, the secret: base64 of 24 to 64 bytes. */
const isWebhookSecret = (given: string): boolean => {
  const text = given.replace(/^whsec_/, '');
  const bytes = Buffer.from(text, 'base64').length;
  return BASE64.test(text) && bytes >= 24 && bytes <= 64;
};

const readOptions = () => {
  const { values } = parseOptions({
    options: {
      'sweep-every': { type: 'string' },
      context: { type: 'string', short: 'c', multiple: true },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const context = contextFrom(values.context);
  if (process.env.WEBHOOK_URL) context.webhookUrl ??= process.env.WEBHOOK_URL;
  const webhookSecret = process.env.WEBHOOK_SECRET || undefined;
  if (webhookSecret !== undefined && !isWebhookSecret(webhookSecret)) {
    throw new UsageError('WEBHOOK_SECRET must be whsec_ and base64 of 24 to 64 bytes, got another text');
  }
  const pace = values['sweep-every'];
  if (pace !== undefined && pace !== 'never' && !/^[1-9]\d{0,5}$/.test(pace)) {
    throw new UsageError(`--sweep-every must be a whole number of seconds from 1 to 999999, or never, got ${pace}`);
  }
  return {
    help: values.help ?? false,
    context,
    dynamodbPort: portOf('DYNAMODB_PORT', 8000),
    sqsPort: portOf('SQS_PORT', 9324),
    apiPort: portOf('PORT', 3000),
    cronToken: process.env.CRON_TOKEN,
    webhookSecret,
    dataDir: process.env.DATA_DIR ? resolve(process.env.DATA_DIR) : undefined,
    ...(pace !== undefined && { schedulePeriodMs: pace === 'never' ? ('never' as const) : Number(pace) * 1_000 }),
  };
};

/** An empty variable is as none. */
const portOf = (variable: string, fallback: number): number =>
  portFrom(variable, process.env[variable] || undefined, fallback);

const greet = (runtime: OwnRuntime, dataDir: string | undefined, webhookUrl: string | undefined): void => {
  const { dynamodbEndpoint, sqsEndpoint, outputs } = runtime;
  const engines = enginesInWords(dataDir);
  const webhooks =
    runtime.webhookSecret === undefined ? '' : `\n  Webhooks   ${webhookUrl}   secret ${runtime.webhookSecret}`;
  const page =
    runtime.pageUrl === undefined ? '' : `  Page       ${runtime.pageUrl}   in a browser: every hold, live\n`;
  const variable = process.env.RUNTIME_FILE ? `RUNTIME_FILE=${shownServiceFile()} ` : '';
  console.log(`
booking-expiry is running; ${engines}${engines.includes('in memory') ? ' (DATA_DIR=… keeps what is in it)' : ''}

${page}  HTTP API   ${outputs.ApiUrl}   cron token ${runtime.cronToken}
  DynamoDB   ${dynamodbEndpoint}   table ${outputs.BookingsTableName}
  SQS        ${sqsEndpoint}   timers in ${outputs.TimerQueueUrl}
  Events     ${runtime.eventsUrl}   (curl -N: each as it is published)${webhooks}
  Logs       below, and whole in .local/logs

In another terminal: a booking that holds for 10 seconds, and what has become of it. Nobody pays, so it expires.

  id=seat-$(date +%s)
  curl -s ${outputs.ApiUrl}/api/v1/bookings -H 'content-type: application/json' -d '{"bookingId":"'$id'","holdSeconds":10}'
  curl -s ${outputs.ApiUrl}/api/v1/bookings/$id

Any AWS SDK or the AWS CLI works with the engines too:

  export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_REGION=${REGION} AWS_DEFAULT_REGION=${REGION}
  aws dynamodb get-item --endpoint-url ${dynamodbEndpoint} --table-name ${outputs.BookingsTableName} \\
    --key '{"bookingId":{"S":"'$id'"}}'

Sweep now: ${variable}npm run expire-bookings, or s and Enter here. Stop: Ctrl-C.
`);
};

/** Keeps each Lambda's lines in a file of its own, and prints them. */
const openLogs = (): ((logicalId: string, line: string) => void) => {
  const directory = join(LOCAL_DIRECTORY, 'logs');
  mkdirSync(directory, { recursive: true });
  const files = new Map<string, WriteStream>();
  return (logicalId, line) => {
    let file = files.get(logicalId);
    if (file === undefined) {
      file = createWriteStream(join(directory, `${logicalId}.log`), { flags: 'a' });
      files.set(logicalId, file);
    }
    file.write(`${line}\n`);
    PRINTED.onLogLine(logicalId, line);
  };
};

const run = async (): Promise<void> => {
  const { help, ...options } = readOptions();
  if (help) {
    console.log(USAGE);
    return;
  }
  console.log('Synthesizing the CDK app and starting the engines…');
  const runtime = await startOwnRuntime({ ...options, ...PRINTED, onLogLine: openLogs(), announce: true, page: true });
  greet(runtime, options.dataDir, options.context.webhookUrl);
  if (process.stdin.isTTY) {
    createInterface({ input: process.stdin }).on('line', (line) => {
      if (line.trim() === 's') void runtime.fireSchedules();
    });
  }
  stopOnCtrlC(runtime);
};

run().catch((error) => {
  console.error(`npm start: ${errorInWords(error)}`);
  if (error instanceof UsageError) console.error(seeHelp('npm start'));
  process.exit(error instanceof UsageError ? WRONG_USAGE : 1);
});
