/** Starts DynamoDB Local and ElasticMQ in memory, on loopback, on free ports. They end with this process, however it ends. */
import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { claimPort, type Engine, EngineError, REGION } from '../../local/engines.ts';
import { DYNAMODB_LOCAL, ELASTICMQ, type Jars } from './jars.ts';

const HOST = '127.0.0.1';
const START_TIMEOUT_MS = 60_000;
/** Another account than that of the embedded engines, so that whoever composes an ARN is found out. */
const ACCOUNT_ID = '123456789012';
/** Starts sooner and leaves more of two cores to the tests: nothing runs long enough for the optimizing compiler. */
const JVM_OPTIONS = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xmx512m'];

export const startDynamoDbLocal = async ({ dynamodbLocal, launchers }: Jars): Promise<Engine> => {
  const port = await claimPort({ port: 0, portVariable: 'DYNAMODB_PORT' });
  return startJava(`DynamoDB Local ${DYNAMODB_LOCAL.version}`, port, [
    // SQLite's native part lies beside the jars.
    `-Djava.library.path=${dynamodbLocal}`,
    '-cp',
    [launchers, join(dynamodbLocal, '*')].join(delimiter),
    'UntilInputEnds',
    'DynamoDbLocalOnLoopback',
    '-inMemory',
    // Otherwise each access key sees tables of its own.
    '-sharedDb',
    // It would call Amazon.
    '-disableTelemetry',
    '-port',
    String(port),
  ]);
};

export const startElasticMq = async ({ elasticMq, launchers }: Jars): Promise<Engine> => {
  const port = await claimPort({ port: 0, portVariable: 'SQS_PORT' });
  const settings = {
    'rest-sqs.bind-hostname': HOST,
    'rest-sqs.bind-port': port,
    'rest-sqs.sqs-limits': 'strict',
    'node-address.host': HOST,
    'node-address.port': port,
    'aws.region': REGION,
    'aws.accountId': ACCOUNT_ID,
  };
  return startJava(`ElasticMQ ${ELASTICMQ.version}`, port, [
    ...Object.entries(settings).map(([name, value]) => `-D${name}=${value}`),
    '-cp',
    [launchers, join(elasticMq, '*')].join(delimiter),
    'UntilInputEnds',
    'org.elasticmq.server.Main',
  ]);
};

const startJava = async (name: string, port: number, args: string[]): Promise<Engine> => {
  const endpoint = `http://${HOST}:${port}`;
  const child = spawn('java', [...JVM_OPTIONS, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said = `${said}${chunk}`.slice(-2_000);
    });
  }
  const end = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', (error) => {
      said = error.message;
      resolve();
    });
  });
  const ended = end.then(() => 'ended' as const);
  const giveUpAtMs = Date.now() + START_TIMEOUT_MS;
  while (!(await answers(endpoint))) {
    const isOver = (await Promise.race([ended, sleep(100)])) === 'ended' || Date.now() > giveUpAtMs;
    if (!isOver) continue;
    child.kill();
    throw new EngineError(`${name} did not start:\n${said.trim()}`);
  }
  return {
    endpoint,
    stop: async () => {
      child.stdin.end();
      await end;
    },
  };
};

const answers = async (endpoint: string): Promise<boolean> => {
  try {
    await fetch(endpoint, { signal: AbortSignal.timeout(2_000) });
    return true;
  } catch {
    return false;
  }
};
