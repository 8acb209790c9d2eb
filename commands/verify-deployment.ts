/** `npm run verify-deployment`: what an operator runs after `cdk deploy`, to see the service do what it promises there. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { SECOND_MS } from '../functions/core/hold-time.ts';
import { parseOptions, UsageError } from '../terminal/usage.ts';
import { runCommand } from './connect.ts';
import { Api } from './verification/api.ts';
import { CleanUp } from './verification/clean-up.ts';
import { type Deployment, findDeployment } from './verification/deployment.ts';
import { Ledger } from './verification/ledger.ts';
import { runSteps, type StepResult } from './verification/run-steps.ts';
import { Stopped, type Verification } from './verification/step.ts';
import { STEPS } from './verification/steps.ts';
import { TestBookings } from './verification/test-bookings.ts';
import { wholeNumber } from './whole-number.ts';

const NAMES = STEPS.map(({ name }) => name);
const WIDTH = Math.max(...NAMES.map((name) => name.length));

const USAGE = `Usage: npm run verify-deployment -- [options]

Makes bookings in a deployment, sees them expire, sweeps, listens to the bus, sets off one alarm, and says what holds. With
--stack on AWS; without it, on the local runtime that is running (npm start), where some steps are not checked.

  --stack <name>         the deployed stack, such as booking-expiry-prod
  --region <region>      its region (default: the AWS configuration's)
  --token <jwt>          for an HTTP API that wants a JWT (-c jwtIssuer); otherwise requests are signed by SigV4, with the
                         credentials of the AWS configuration, which then need execute-api:Invoke
  --hold-seconds <n>     how long its bookings hold: 2 to 600 (default 10)
  --patience <n>         seconds to wait for what should take none: 1 to 600 (default 30)
  --far                  also wait for a booking whose timer only a sweep can send: about 16 minutes
  --skip <names>         steps to leave out, separated by commas
  --json                 JSON instead of text; into a pipe: npm run --silent verify-deployment -- --json | jq
  -h, --help             this text

Steps:
${STEPS.map(({ name, title }) => `  ${name.padEnd(WIDTH)}  ${title}`).join('\n')}

It takes up to ten minutes, most of them until the next scheduled sweep. Consumers of BookingExpired hear of its bookings,
whose ids begin with "verify-", and whoever subscribed to the alarms gets one message, which says that it is a test. It
deletes what it made, after Ctrl-C too; bookings of steps that failed stay. docs/unverified.md says what each step verifies.

Exit codes: 0 nothing failed; 1 something failed, could not be reached, or it was stopped; 2 wrong usage.`;

const readOptions = () => {
  const { values } = parseOptions({
    options: {
      stack: { type: 'string' },
      region: { type: 'string' },
      token: { type: 'string' },
      'hold-seconds': { type: 'string', default: '10' },
      patience: { type: 'string', default: '30' },
      far: { type: 'boolean', default: false },
      skip: { type: 'string', default: '' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.stack === '') throw new UsageError('--stack must be the name of a stack, got ""');
  const skip = values.skip.split(',').filter((name) => name !== '');
  const unknown = skip.find((name) => !NAMES.includes(name));
  if (unknown !== undefined) throw new UsageError(`--skip must name steps of ${NAMES.join(', ')}, got ${unknown}`);
  return {
    ...values,
    skip: new Set(skip),
    holdMs: wholeNumber('hold-seconds', values['hold-seconds'], 2, 600) * SECOND_MS,
    patienceMs: wholeNumber('patience', values.patience, 1, 600) * SECOND_MS,
  };
};
type Options = ReturnType<typeof readOptions>;

/** The first Ctrl-C cleans up, the second leaves at once. */
const stopOnSignal = (): AbortSignal => {
  const stopping = new AbortController();
  const stop = (): void => {
    if (stopping.signal.aborted) process.exit(1);
    console.error('\nStopping, and deleting what was made (Ctrl-C again to leave at once)…');
    stopping.abort();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return stopping.signal;
};

const verificationOf = (
  deployment: Deployment,
  { holdMs, patienceMs, far }: Options,
  stop: AbortSignal,
): Verification => {
  const runId = randomBytes(4).toString('hex');
  const pause = async (ms: number): Promise<void> => {
    await sleep(Math.max(0, ms), undefined, { signal: stop }).catch(() => {});
    if (stop.aborted) throw new Stopped('stopped');
  };
  return {
    deployment,
    api: new Api(deployment.outputs.ApiUrl, deployment.caller, deployment.ledger),
    bookings: new TestBookings(deployment.connection, runId, pause),
    cleanUp: new CleanUp(),
    runId,
    holdMs,
    patienceMs,
    far,
    pause,
  };
};

/** The results by step; whether it was stopped; what is left behind. */
const verify = async (verification: Verification, options: Options) => {
  const results: StepResult[] = [];
  let stopped = false;
  try {
    await runSteps(STEPS, verification, options.skip, {
      onStart: ({ name, title }) => {
        if (!options.json && !options.skip.has(name)) console.error(`  …  ${name}: ${title}`);
      },
      onResult: (result) => {
        results.push(result);
        if (!options.json) console.log(lineOf(result));
      },
    });
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    stopped = true;
  }
  const failed = new Set(results.filter(({ outcome }) => outcome === 'failed').map(({ step }) => step));
  const left = [...(await verification.cleanUp.run()), ...(await verification.bookings.deleteAll(failed))];
  return { results, stopped, left };
};

const WORDS = { passed: 'ok', failed: 'FAILED', 'not checked': 'not checked' };

const lineOf = ({ step, outcome, detail, seconds }: StepResult): string =>
  `${WORDS[outcome].padEnd(11)}  ${step.padEnd(WIDTH)}  ${detail}${outcome === 'passed' ? `  (${seconds} s)` : ''}`;

runCommand('verify-deployment', async () => {
  const options = readOptions();
  if (options.help) {
    console.log(USAGE);
    return;
  }
  const ledger = new Ledger();
  const deployment = await findDeployment(options, ledger);
  const verification = verificationOf(deployment, options, stopOnSignal());
  if (!options.json) console.error(`${deployment.name}, run ${verification.runId}\n`);
  const { results, stopped, left } = await verify(verification, options);
  const count = (outcome: StepResult['outcome']) => results.filter((result) => result.outcome === outcome).length;
  const { bookings } = verification;
  const usdAtMost = ledger.usdAtMost(bookings.count, deployment.connection.settings.timerLeadMs);
  process.exitCode = count('failed') > 0 || stopped ? 1 : 0;
  if (options.json) {
    const { name } = deployment;
    const requests = ledger.requests();
    console.log(
      JSON.stringify({
        deployment: name,
        runId: verification.runId,
        stopped,
        steps: results,
        bookings: bookings.count,
        requests,
        usdAtMost,
        left,
      }),
    );
    return;
  }
  const asked = Object.entries(ledger.requests()).map(([billed, times]) => `${times} ${billed}`);
  console.log(`
result       ${stopped ? 'stopped; ' : ''}${count('passed')} passed, ${count('failed')} failed, ${count('not checked')} not checked
did          ${bookings.count} bookings; requests: ${asked.join(', ')}
cost         at most ${usdAtMost.toFixed(6)} USD at us-east-1's prices, with what the service did for them
left behind  ${left.join('\n             ') || 'nothing but log lines, metrics, and events that consumers heard'}`);
});
