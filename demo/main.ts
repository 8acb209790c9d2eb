/**
 * `npm run demo`: the main job, live. Some hundred bookings with short holds are written, paid, cancelled, extended, paid
 * too late and attacked in the ways that happen, on a local runtime of its own; then the four promises are checked.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { GetQueueAttributesCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { BookingStore } from '../functions/adapters/booking-store.ts';
import { DynamoDbTable } from '../functions/adapters/dynamodb-table.ts';
import { type Booking, effectiveStatus, type MoveOutcome } from '../functions/core/booking-status.ts';
import { encodeTimer } from '../functions/core/expiry-timer.ts';
import { waitUntil } from '../functions/runtime/clock.ts';
import { LOCAL_CREDENTIALS, REGION } from '../local/engines.ts';
import { enginesInWords } from '../local/open-engines.ts';
import { type LocalRuntime, startRuntime } from '../local/runtime.ts';
import { percentile } from '../measure/lag-report.ts';
import { canShowBars, progressBarWithLog } from '../terminal/progress-bar.ts';
import { endIfUsage, parseOptions } from '../terminal/usage.ts';
import { DemoErrors, wrapLines } from './errors.ts';
import { startLossyQueue } from './lossy-queue.ts';
import { judge, verdictText } from './verdict.ts';

/** The sweep calls a booking overdue after 30 s, so this decides how long the demo takes. */
const SWEEP_PERIOD_MS = 5_000;
const SWEEP_PATIENCE_MS = 40_000;
const SHARD_COUNT = 10;

/** How many bookings meet which fate. Every second one of each is written by a foreign program: a bare PutItem. */
const PLAN = [
  { fate: 'lapses', count: 160, holdMs: [2_000, 20_000] },
  { fate: 'paid', count: 60, holdMs: [4_000, 20_000] },
  { fate: 'paid-at-the-last-moment', count: 40, holdMs: [4_000, 20_000] },
  { fate: 'paid-too-late', count: 30, holdMs: [2_000, 20_000] },
  { fate: 'cancelled', count: 20, holdMs: [4_000, 15_000] },
  { fate: 'extended', count: 20, holdMs: [4_000, 12_000] },
  { fate: 'timer-lost', count: 20, holdMs: [1_000, 3_000] },
  { fate: 'timer-twice', count: 30, holdMs: [2_000, 15_000] },
] as const;
type Fate = (typeof PLAN)[number]['fate'];

interface Planned {
  readonly bookingId: string;
  readonly fate: Fate;
  readonly expiresAtMs: number;
}

const USAGE = `Usage: npm run demo -- [options]

  --json       JSON instead of text; into a pipe: npm run --silent demo -- --json | jq
  -h, --help   this text

Exit codes: 0 every promise was kept; 1 one was broken, or the demo could not run; 2 wrong usage.`;

const readOptions = () => {
  try {
    return parseOptions({
      options: {
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
const say = (line: string): void => {
  if (!options.json) console.log(line);
};

const startedAtMs = Date.now();
const stamp = (): string => `${((Date.now() - startedAtMs) / 1000).toFixed(1).padStart(5)} s `;

/** What the demo has seen go by in the Lambdas' logs. */
const seen = { byTimer: 0, bySweep: 0, lagsMs: [] as number[], problems: [] as string[] };

/** Ids of the bookings without a usable deadline. */
const NONSENSE = ['demo-seconds', 'demo-none'] as const;

const watch = (logicalId: string, line: string): void => {
  let entry: { message?: string; outcomes?: { outcome: string; lagMs?: number }[]; expired?: number };
  try {
    entry = JSON.parse(line);
  } catch {
    seen.problems.push(line);
    return;
  }
  for (const { outcome, lagMs } of entry.outcomes ?? []) {
    if (outcome !== 'expired') continue;
    seen.byTimer += 1;
    if (lagMs !== undefined) seen.lagsMs.push(lagMs);
  }
  if (entry.message?.startsWith('Successfully expired') && entry.expired) {
    seen.bySweep += entry.expired;
    tell(`the sweep found bookings whose timers were lost: ${entry.message}`);
  }
  errors.saw(logicalId, line);
};

// Lines come above the bar, so both must be seen in one place.
const live = canShowBars() && process.stdout.isTTY && !options.json;
const bars = progressBarWithLog({
  format: '        {bar} {value}/{total} settled or expired │ timer {byTimer} │ sweep {bySweep} │ lag p99 {p99} ms',
});
let barShown = false;
/** Lines of their own, above the bar while there is one: the terminal does not wrap then. */
const tell = (text: string): void => {
  const stamped = `${stamp()} ${text}`;
  const lines = barShown ? wrapLines(stamped, (process.stdout.columns || 80) - 1, ' '.repeat(9)) : [stamped];
  for (const line of lines) {
    if (barShown) bars.log(`${line}\n`);
    else say(line);
  }
};
const errors = new DemoErrors(tell);

const run = async (): Promise<boolean> => {
  say(`Synthesizing the CDK app, loading the Lambdas; ${enginesInWords()}…`);
  const lossyQueue = await startLossyQueue((body) => body.includes('"demo-timer-lost-'));
  const runtime = await startRuntime({
    // Engines of one's own may hold the bookings of an earlier demo, or of npm start.
    isolated: true,
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
    onLogLine: watch,
    onProblem: (problem) => seen.problems.push(problem),
  });
  lossyQueue.forwardTo(runtime.sqsEndpoint);
  try {
    return await play(runtime, () => lossyQueue.lost.length);
  } finally {
    await runtime.stop();
    await lossyQueue.stop();
  }
};

const play = async (runtime: LocalRuntime, lostTimers: () => number): Promise<boolean> => {
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

  const planned = await write(store, foreign, table);
  const total = planned.length;
  tell(
    `wrote ${total} bookings that hold for 1 to 20 s, every second one with a bare PutItem as a foreign program would`,
  );
  await writeNonsense(foreign, table);
  tell('wrote 2 bookings with no usable deadline: one in seconds, one without any');
  const malformed = [
    '{"this is": "no timer"',
    encodeTimer({ bookingId: 'x', expiresAtMs: Date.now() }).replace('1', '99'),
  ];
  const sent = await Promise.all(
    malformed.map((MessageBody) => sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody }))),
  );
  tell(`sent ${malformed.length} malformed timers`);
  errors.plan([...NONSENSE, ...sent.map(({ MessageId = '' }) => MessageId)]);

  const answers = new Map<string, MoveOutcome>();
  const misreported: string[] = [];
  // A request that came too late was quicker than the timer: its refusal had to be made true.
  const expiredByRequest = new Set<string>();
  let settled = 0;
  const answered = (bookingId: string, outcome: MoveOutcome): void => {
    answers.set(bookingId, outcome);
    if (outcome.kind === 'refused' && outcome.booking.expiredBy === 'read') expiredByRequest.add(bookingId);
  };
  const stories = planned.map(async (booking) => {
    const { bookingId, fate, expiresAtMs } = booking;
    const move = async (kind: 'confirm' | 'cancel'): Promise<void> => {
      const outcome = await store[kind](bookingId, Date.now());
      answered(bookingId, outcome);
      if (outcome.kind === 'moved') settled += 1;
    };
    switch (fate) {
      case 'paid':
        await waitUntil(expiresAtMs - 3_000 + Math.random() * 1_500);
        return move('confirm');
      case 'paid-at-the-last-moment':
        // From 60 ms before to 20 ms after: who wins is decided by the write.
        await waitUntil(expiresAtMs - 60 + Math.floor(Math.random() * 80));
        return move('confirm');
      case 'paid-too-late': {
        await waitUntil(expiresAtMs);
        const found = await store.get(bookingId);
        if (found && effectiveStatus(found, Date.now()) !== 'EXPIRED') misreported.push(bookingId);
        return move('confirm');
      }
      case 'cancelled':
        await waitUntil(expiresAtMs - 2_000);
        return move('cancel');
      case 'extended':
        await waitUntil(expiresAtMs - 2_000);
        answered(bookingId, await store.extend(bookingId, 5_000, Date.now()));
        return;
      case 'timer-twice': {
        const message = { QueueUrl: queueUrl, MessageBody: encodeTimer({ bookingId, expiresAtMs }) };
        const delaySeconds = Math.max(0, Math.floor((expiresAtMs - Date.now() - 1_000) / 1_000));
        await sqs.send(new SendMessageCommand({ ...message, DelaySeconds: delaySeconds }));
        return;
      }
    }
  });
  tell('now they are paid, cancelled, extended, paid too late, and their timers lost or sent twice…');
  await watchUntilDone(stories, total, () => settled + expiredByRequest.size, lostTimers);

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
    answers,
    misreported,
    nonsense,
    deadLetters,
    timersLost: lostTimers(),
    malformedSent: malformed.length,
  });
  const seconds = (Date.now() - startedAtMs) / 1_000;
  if (options.json) {
    console.log(JSON.stringify({ ...verdict, seconds }));
    return verdict.kept;
  }
  console.log(verdictText(verdict));
  if (seen.problems.length > 0) {
    console.log(`  noted by the runtime:\n    ${[...new Set(seen.problems)].join('\n    ')}\n`);
  }
  console.log(verdict.kept ? `Every promise was kept, in ${seconds.toFixed(0)} s.` : 'A promise was broken.');
  return verdict.kept;
};

const write = async (store: BookingStore, foreign: DynamoDBClient, table: string): Promise<Planned[]> => {
  const planned: Planned[] = [];
  const writes: Promise<unknown>[] = [];
  for (const { fate, count, holdMs } of PLAN) {
    const [shortest, longest] = holdMs;
    for (let number = 0; number < count; number += 1) {
      const bookingId = `demo-${fate}-${number}`;
      const nowMs = Date.now();
      const hold = Math.round(shortest + Math.random() * (longest - shortest));
      planned.push({ bookingId, fate, expiresAtMs: nowMs + hold });
      const item = { bookingId: { S: bookingId }, status: { S: 'PENDING' }, expiresAtMs: { N: String(nowMs + hold) } };
      writes.push(
        number % 2 === 0
          ? store.create({ bookingId, holdMs: hold, details: { seat: number } }, nowMs)
          : foreign.send(new PutItemCommand({ TableName: table, Item: item })),
      );
      if (writes.length % 20 === 0) await Promise.all(writes);
    }
  }
  await Promise.all(writes);
  return planned;
};

const writeNonsense = async (foreign: DynamoDBClient, table: string): Promise<void> => {
  const pending = { status: { S: 'PENDING' } };
  const inSeconds = { N: String(Math.floor(Date.now() / 1_000)) };
  const [seconds, none] = NONSENSE;
  const items = [
    { ...pending, bookingId: { S: seconds }, expiresAtMs: inSeconds },
    { ...pending, bookingId: { S: none } },
  ];
  for (const Item of items) await foreign.send(new PutItemCommand({ TableName: table, Item }));
};

const watchUntilDone = async (
  stories: Promise<void>[],
  total: number,
  settled: () => number,
  lostTimers: () => number,
): Promise<void> => {
  let storiesDone = false;
  const all = Promise.all(stories).finally(() => {
    storiesDone = true;
  });
  // One that fails is thrown below; until then somebody must have heard of it.
  all.catch(() => {});
  const giveUpAtMs = Date.now() + 25_000 + SWEEP_PATIENCE_MS;
  const progress = () => ({ byTimer: seen.byTimer, bySweep: seen.bySweep, p99: percentile(seen.lagsMs, 0.99) || 0 });
  const done = () => settled() + seen.byTimer + seen.bySweep;
  const bar = live ? bars.create(total, 0, progress()) : undefined;
  barShown = live;
  try {
    let waitingTold = false;
    for (let lastLineMs = 0; done() < total || !storiesDone; ) {
      if (Date.now() > giveUpAtMs) break;
      if (storiesDone && !waitingTold && done() >= total - lostTimers()) {
        waitingTold = true;
        tell(
          `only the ${total - done()} bookings with lost timers are left: the sweep takes them once they are 30 s overdue`,
        );
      }
      if (bar) bar.update(done(), progress());
      else if (Date.now() - lastLineMs > 5_000) {
        lastLineMs = Date.now();
        tell(`${done()}/${total} settled or expired (timer ${seen.byTimer}, sweep ${seen.bySweep})`);
      }
      await sleep(100);
    }
    bar?.update(done(), progress());
  } finally {
    if (live) bars.stop();
    barShown = false;
  }
  await all;
  // The last log lines, and what may still come although it must not.
  await sleep(500);
};

run().then(
  (kept) => process.exit(kept ? 0 : 1),
  (error) => {
    // What was logged before the plan was made may be the cause.
    errors.plan([]);
    console.error(`demo: ${error instanceof Error ? error.message : error}`);
    process.exit(1);
  },
);
