/**
 * `npm run test:engines`: the tests that use engines, and the demo, on Amazon's DynamoDB Local and on ElasticMQ. Says for
 * each step what passed, and of what was skipped why.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { type Engine, EngineError } from '../../local/engines.ts';
import { PROJECT_DIRECTORY } from '../../local/synth.ts';
import { DYNAMODB_LOCAL, ELASTICMQ, ENGINES_DIRECTORY, fetchJars, type Jars } from './jars.ts';
import { startDynamoDbLocal, startElasticMq } from './java-engines.ts';
import { DEMO, LEFT_OUT, STEPS } from './steps.ts';
import { readSummary } from './summary.ts';

const ALL = [...Object.keys(STEPS), DEMO];
const USAGE = `Usage: npm run test:engines -- [step…]

Needs Java (a JDK) and Maven; fetches the engines with Maven when it runs for the first time.

  steps       ${ALL.join(', ')} (default: all of them)
  -h, --help  this text`;

const readSteps = (): readonly string[] | undefined => {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { help: { type: 'boolean', short: 'h', default: false } },
  });
  const unknown = positionals.find((name) => !ALL.includes(name));
  if (unknown !== undefined) throw new TypeError(`a step must be one of ${ALL.join(', ')}, got ${unknown}`);
  if (values.help) return undefined;
  return positionals.length > 0 ? positionals : ALL;
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
    const files = STEPS[step];
    const args =
      files === undefined
        ? ['local/demo.ts']
        : ['node_modules/vitest/vitest.mjs', 'run', '--reporter=verbose', ...files];
    const environment = { DYNAMODB_ENDPOINT: dynamodb.endpoint, SQS_ENDPOINT: sqs.endpoint };
    const { code, printed } = await runCommand(args, environment, logFile);
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

const run = async (): Promise<void> => {
  const steps = readSteps();
  if (steps === undefined) {
    console.log(USAGE);
    return;
  }
  const startedAtMs = Date.now();
  const jars = fetchJars();
  mkdirSync(join(ENGINES_DIRECTORY, 'logs'), { recursive: true });
  console.log(
    `DynamoDB Local ${DYNAMODB_LOCAL.version} and ElasticMQ ${ELASTICMQ.version} on Java ${jars.javaVersion}`,
  );
  let failed = 0;
  for (const step of steps) if (!(await runStep(step, jars))) failed += 1;
  for (const [file, reason] of Object.entries(LEFT_OUT)) console.log(`left out   ${file}: ${reason}`);
  const seconds = ((Date.now() - startedAtMs) / 1_000).toFixed(0);
  console.log(`\n${steps.length - failed} of ${steps.length} steps passed in ${seconds} s`);
  process.exitCode = failed > 0 ? 1 : 0;
};

run().catch((error) => {
  const isUsage = error instanceof TypeError;
  console.error(`test:engines: ${error instanceof EngineError || isUsage ? error.message : error.stack}`);
  if (isUsage) console.error(`\n${USAGE}`);
  process.exitCode = isUsage ? 2 : 1;
});
