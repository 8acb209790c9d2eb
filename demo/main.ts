/**
 * `npm run demo`: the main job, live. Some hundred bookings with short holds are written, paid, cancelled, extended, paid
 * too late and attacked in the ways that happen, on a local runtime of its own; then the four promises are checked.
 */

import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetQueueAttributesCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { BookingStore } from '../functions/adapters/booking-store.ts';
import { DynamoDbTable } from '../functions/adapters/dynamodb-table.ts';
import type { Booking } from '../functions/core/booking-status.ts';
import { encodeTimer } from '../functions/core/expiry-timer.ts';
import { LOCAL_CREDENTIALS, REGION } from '../local/engines.ts';
import { enginesInWords } from '../local/open-engines.ts';
import { type OwnRuntime, startOwnRuntime } from '../service/service.ts';
import { endIfUsage, parseOptions } from '../terminal/usage.ts';
import { startLossyQueue } from './lossy-queue.ts';
import { isTimerToLose, NONSENSE, writeNonsense, writePlanned } from './plan.ts';
import { startStories } from './stories.ts';
import { judge, verdictText } from './verdict.ts';
import { Watch } from './watch.ts';

/** The sweep calls a booking overdue after 30 s, so this decides how long the demo takes. */
const SWEEP_PERIOD_MS = 5_000;
const SHARD_COUNT = 10;

const USAGE = `Usage: npm run demo -- [options]

  --page       also serve the page that shows it live, and go on serving it afterwards, until Ctrl-C
  --json       JSON instead of text; into a pipe: npm run --silent demo -- --json | jq
  -h, --help   this text

Exit codes: 0 every promise was kept; 1 one was broken, or the demo could not run; 2 wrong usage.`;

const readOptions = () => {
  try {
    return parseOptions({
      options: {
        page: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    return endIfUsage('demo', error);
  }
};
const options = readOptions();
if (options.help) {
  console.log(USAGE);
  process.exit();
}
const watch = new Watch(options.json);

const run = async (): Promise<boolean> => {
  watch.say(`Synthesizing the CDK app, loading the Lambdas; ${enginesInWords()}…`);
  const lossyQueue = await startLossyQueue(isTimerToLose);
  const runtime = await startOwnRuntime({
    // Engines of one's own may hold the bookings of an earlier demo, or of npm start.
    isolated: true,
    page: options.page,
    schedulePeriodMs: SWEEP_PERIOD_MS,
    context: { stage: 'dev', shardCount: String(SHARD_COUNT) },
    changeEnvironment: (environment) => ({
      ...environment,
      AWS_ENDPOINT_URL_SQS: lossyQueue.endpoint,
      ...Object.fromEntries(
        Object.entries(environment)
          .filter(([name]) => name.endsWith('_QUEUE_URL'))
          .map(([name, url]) => [name, url.replace(/^http:\/\/[^/]+/, lossyQueue.endpoint)]),
      ),
    }),
    onLogLine: (logicalId, line) => watch.takeLogLine(logicalId, line),
    onProblem: (problem) => watch.problems.push(problem),
  });
  lossyQueue.forwardTo(runtime.sqsEndpoint);
  if (options.page) watch.log(`the page: ${runtime.outputs.ApiUrl}`);
  try {
    const kept = await play(runtime, () => lossyQueue.lost.length);
    if (options.page && !options.json) {
      console.log(`\nThe page is at ${runtime.outputs.ApiUrl} until Ctrl-C.`);
      await new Promise((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve));
    }
    return kept;
  } finally {
    await runtime.stop();
    await lossyQueue.stop();
  }
};

const play = async (runtime: OwnRuntime, lostTimers: () => number): Promise<boolean> => {
  const client = { region: REGION, credentials: LOCAL_CREDENTIALS };
  const table = runtime.outputs.BookingsTableName ?? '';
  // The application's own client: an engine on a busy machine may answer late, and the demo is about the service.
  const patience = { connectionTimeout: 10_000, requestTimeout: 30_000, throwOnRequestTimeout: true };
  const patient = { ...client, endpoint: runtime.dynamodbEndpoint, requestHandler: patience };
  const bookings = new DynamoDbTable(new DynamoDBClient(patient), table);
  const store = new BookingStore(bookings, SHARD_COUNT);
  const foreign = new DynamoDBClient(patient);
  const sqs = new SQSClient({ ...client, endpoint: runtime.sqsEndpoint });
  const queueUrl = runtime.outputs.TimerQueueUrl ?? '';

  const planned = await writePlanned(store, foreign, table);
  const total = planned.length;
  watch.log(
    `wrote ${total} bookings that hold for 1 to 20 s, every second one with a bare PutItem as a foreign program would`,
  );
  await writeNonsense(foreign, table);
  watch.log('wrote 2 bookings with no usable deadline: one in seconds, one without any');
  const malformed = [
    '{"this is": "no timer"',
    encodeTimer({ bookingId: 'x', expiresAtMs: Date.now() }).replace('1', '99'),
  ];
  const sent = await Promise.all(
    malformed.map((MessageBody) => sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody }))),
  );
  watch.log(`sent ${malformed.length} malformed timers`);
  watch.errors.plan([...NONSENSE, ...sent.map(({ MessageId = '' }) => MessageId)]);

  const stories = startStories(planned, store, ({ bookingId, expiresAtMs }, DelaySeconds) => {
    const MessageBody = encodeTimer({ bookingId, expiresAtMs });
    return sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody, DelaySeconds }));
  });
  watch.log('now they are paid, cancelled, extended, paid too late, and their timers lost or sent twice…');
  await watch.untilDone(total, stories, lostTimers);

  const found = new Map<string, Booking>();
  for (const { bookingId } of planned) {
    const booking = await store.get(bookingId);
    if (booking) found.set(bookingId, booking);
  }
  const nonsense = await Promise.all(NONSENSE.map((bookingId) => store.get(bookingId)));
  const attributes = await sqs.send(
    new GetQueueAttributesCommand({
      QueueUrl: runtime.outputs.TimerDeadLetterQueueUrl,
      AttributeNames: ['ApproximateNumberOfMessages'],
    }),
  );
  const deadLetters = Number(attributes.Attributes?.ApproximateNumberOfMessages ?? 0);
  const verdict = judge({
    nowMs: Date.now(),
    bookingIds: planned.map(({ bookingId }) => bookingId),
    found,
    answers: stories.answers,
    misreported: stories.misreported,
    nonsense,
    deadLetters,
    timersLost: lostTimers(),
    malformedSent: malformed.length,
  });
  const { seconds, problems } = watch;
  if (options.json) {
    console.log(JSON.stringify({ ...verdict, seconds }));
    return verdict.kept;
  }
  console.log(verdictText(verdict));
  if (problems.length > 0) {
    console.log(`  noted by the runtime:\n    ${[...new Set(problems)].join('\n    ')}\n`);
  }
  console.log(verdict.kept ? `Every promise was kept, in ${seconds.toFixed(0)} s.` : 'A promise was broken.');
  return verdict.kept;
};

run().then(
  (kept) => process.exit(kept ? 0 : 1),
  (error) => {
    // What was logged before the plan was made may be the cause.
    watch.errors.plan([]);
    console.error(`demo: ${error instanceof Error ? error.message : error}`);
    process.exit(1);
  },
);
