/**
 * `npm run test:engines`: the tests that use engines, and the demo, on Amazon's DynamoDB Local and on ElasticMQ. Says for
 * each step what passed, and of what was skipped why.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import pMap from 'p-map';
import { type Engine, EngineError } from '../../local/engines.ts';
import { PROJECT_DIRECTORY, synthesize } from '../../service/project.ts';
import { endIfUsage, parseOptions, UsageError } from '../../terminal/usage.ts';
import { TEST_ASSEMBLY } from '../support/synthesize.ts';
import { DYNAMODB_LOCAL, ELASTICMQ, ENGINES_DIRECTORY, fetchJars, type Jars } from './jars.ts';
import { startDynamoDbLocal, startElasticMq } from './java-engines.ts';
import { ENVIRONMENT, LEFT_OUT, STEPS } from './steps.ts';
import { readSummary } from './summary.ts';

/** Steps at once: most of them wait for deadlines most of the time. */
const AT_ONCE = 2;
const ALL = Object.keys(STEPS);
const USAGE = `Usage: npm run test:engines -- [options] [step…]

Needs Java (a JDK) and Maven. Fetches the engines with Maven when it runs for the first time, and nothing else.

  steps          ${ALL.join(', ')} (default: all of them)
  --if-possible  where something is missing, says what, runs nothing and ends with exit code 0: for CI
  -h, --help     this text

Exit codes: 0 every step passed; 1 one failed, or something is missing; 2 wrong usage.`;

/** What was asked for. */
const readArguments = () => {
  const { positionals, values } = parseOptions({
    allowPositionals: true,
    options: {
      'if-possible': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const unknown = positionals.find((name) => !ALL.includes(name));
  if (unknown !== undefined) throw new UsageError(`a step must be one of ${ALL.join(', ')}, got ${unknown}`);
  return { ...values, steps: positionals.length > 0 ? positionals : ALL };
};

/** Runs a step's command to its end; what it prints is kept in a file. */
const runCommand = async (args: readonly string[], environment: Record<string, string>, logFile: string) => {
  const child = spawn(process.execPath, args, {
    cwd: PROJECT_DIRECTORY,
    env: { ...process.env, ...environment, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      printed += chunk;
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  writeFileSync(logFile, printed);
  return { code, printed };
};

/** @returns whether it passed */
const runStep = async (step: string, jars: Jars): Promise<boolean> => {
  const startedAtMs = Date.now();
  const engines: Engine[] = [];
  const logFile = join(ENGINES_DIRECTORY, 'logs', `${step}.log`);
  try {
    const [dynamodb, sqs] = await Promise.all([startDynamoDbLocal(jars), startElasticMq(jars)]);
    engines.push(dynamodb, sqs);
    const environment = { ...ENVIRONMENT, DYNAMODB_ENDPOINT: dynamodb.endpoint, SQS_ENDPOINT: sqs.endpoint };
    const { code, printed } = await runCommand(STEPS[step] ?? [], environment, logFile);
    const { result, skipped } = readSummary(printed);
    const seconds = ((Date.now() - startedAtMs) / 1_000).toFixed(0);
    if (code !== 0) console.log(printed);
    console.log(`${step.padEnd(10)} ${code === 0 ? 'passed' : 'FAILED'}  ${result}, ${seconds} s`);
    for (const line of skipped) console.log(`${''.padEnd(10)} skipped ${line}`);
    if (code !== 0) console.log(`${''.padEnd(10)} all that it printed: ${relative(PROJECT_DIRECTORY, logFile)}`);
    return code === 0;
  } finally {
    await Promise.all(engines.map((engine) => engine.stop()));
  }
};

/** The engines; undefined where something is missing that need not be there. */
const findJars = (isOptional: boolean): Jars | undefined => {
  try {
    return fetchJars(ENGINES_DIRECTORY, console.log);
  } catch (error) {
    if (!isOptional || !(error instanceof EngineError)) throw error;
    console.log(`test:engines is left out: ${error.message}`);
    return undefined;
  }
};

const run = async (): Promise<void> => {
  const { help, 'if-possible': isOptional, steps } = readArguments();
  if (help) {
    console.log(USAGE);
    return;
  }
  const startedAtMs = Date.now();
  const jars = findJars(isOptional);
  if (jars === undefined) return;
  mkdirSync(join(ENGINES_DIRECTORY, 'logs'), { recursive: true });
  console.log(
    `DynamoDB Local ${DYNAMODB_LOCAL.version} and ElasticMQ ${ELASTICMQ.version} on Java ${jars.javaVersion}`,
  );
  await synthesize(TEST_ASSEMBLY);
  const passed = await pMap(steps, (step) => runStep(step, jars), { concurrency: AT_ONCE });
  for (const [file, reason] of Object.entries(LEFT_OUT)) console.log(`left out   ${file}: ${reason}`);
  const seconds = ((Date.now() - startedAtMs) / 1_000).toFixed(0);
  console.log(`\n${passed.filter(Boolean).length} of ${steps.length} steps passed in ${seconds} s`);
  process.exitCode = passed.every(Boolean) ? 0 : 1;
};

run()
  .catch((error) => endIfUsage('test:engines', error))
  .catch((error) => {
    console.error(`test:engines: ${error instanceof EngineError ? error.message : error.stack}`);
    // At once: an engine that did start would keep this process alive.
    process.exit(1);
  });
