/** `booking-expiry start`: runs the CDK app of the project that it is called in, on this machine, until Ctrl-C. */
import { resolve } from 'node:path';
import { contextFrom, parseOptions, portFrom, seeHelpOf, UsageError, WRONG_USAGE } from '../terminal/usage.ts';
import { isAssembly } from './assembly.ts';
import { errorInWords, PRINTED, stopOnCtrlC } from './in-terminal.ts';
import { notRunInWords } from './left-aside.ts';
import { type LocalRuntime, type RuntimeOptions, startRuntime } from './runtime.ts';
import { readCdkJson } from './synth.ts';

/** What the user types to come here. */
const COMMAND = 'booking-expiry';

const USAGE = `Usage: ${COMMAND} start [options]

Runs the CDK app of this folder on this machine, on loopback only, until Ctrl-C: its tables, queues and Node Lambdas, and what
drives these. It reads cdk.json as the CDK command line does.

  --app <command>        the command that synthesizes the app, or the folder of an assembly, such as cdk.out
                         (default: app of cdk.json)
  -c, --context <name=value>  a setting of the app; may be repeated
  --stack <name>         a stack to run, which may hold *; those that it depends on come with it; may be repeated
                         (default: all)
  --port <port>          port of the HTTP API, where the app has one (default 0: any free one)
  --dynamodb-port <port> port of DynamoDB (default 8000; 0 for any free one)
  --sqs-port <port>      port of SQS (default 9324; 0 for any free one)
  --data-dir <folder>    folder that items and messages outlive a restart in (default: in memory)
  --runtime-file <file>  file that tells programs where everything is (default: none)
  -h, --help             this text

Environment:
  DYNAMODB_ENDPOINT      another DynamoDB engine on loopback, instead of the embedded one
  SQS_ENDPOINT           another SQS engine on loopback, instead of the embedded one`;

interface Arguments {
  readonly help: boolean;
  readonly options: RuntimeOptions;
}

const readArguments = (args: readonly string[]): Arguments => {
  const { values, positionals } = parseOptions({
    args: [...args],
    allowPositionals: true,
    options: {
      app: { type: 'string' },
      context: { type: 'string', short: 'c', multiple: true },
      stack: { type: 'string', multiple: true },
      port: { type: 'string' },
      'dynamodb-port': { type: 'string' },
      'sqs-port': { type: 'string' },
      'data-dir': { type: 'string' },
      'runtime-file': { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return { help: true, options: {} };
  const [subcommand, ...more] = positionals;
  if (subcommand !== 'start' || more.length > 0) {
    throw new UsageError(`the command must be start, got ${positionals.join(' ') || 'none'}`);
  }
  const cwd = process.cwd();
  const options: RuntimeOptions = {
    cwd,
    ...appOf(values.app, cwd),
    context: contextFrom(values.context),
    stacks: values.stack,
    apiPort: portFrom('--port', values.port, 0),
    dynamodbPort: portFrom('--dynamodb-port', values['dynamodb-port'], 8000),
    sqsPort: portFrom('--sqs-port', values['sqs-port'], 9324),
    portNames: { dynamodb: '--dynamodb-port', sqs: '--sqs-port', api: '--port' },
    dataDir: values['data-dir'] ? resolve(values['data-dir']) : undefined,
    announce: values['runtime-file']
      ? {
          file: resolve(values['runtime-file']),
          nameOfFile: '--runtime-file',
          startSecond: `${COMMAND} start --runtime-file <another> --port 0 --dynamodb-port 0 --sqs-port 0`,
        }
      : undefined,
  };
  return { help: false, options };
};

/** As for the CDK command line, `app` may be a folder that was synthesized into. */
const appOf = (app: string | undefined, cwd: string): RuntimeOptions => {
  const given = app ?? readCdkJson(cwd).app;
  if (!given) throw new UsageError('--app must be given: cdk.json names no app');
  return isAssembly(given) ? { assemblyDirectory: resolve(given) } : { command: given };
};

/** Each output once; none of those that CDK makes for other stacks. */
const shownOutputs = (outputs: LocalRuntime['outputs']): string[] => {
  const names = Object.keys(outputs).filter((name) => !/(^|\.)ExportsOutput/.test(name));
  const ofStacks = names.filter((name) => name.includes('.'));
  return (ofStacks.length > 0 ? ofStacks : names).map((name) => `${name} = ${outputs[name]}`);
};

const greeting = (runtime: LocalRuntime): string => {
  const { dynamodbEndpoint, sqsEndpoint, eventsUrl, environment, outputs, tables, notRun } = runtime;
  const section = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : [`${title}:`, ...lines.map((line) => `  ${line}`), ''];
  return [
    '',
    ...section('Running', [`DynamoDB   ${dynamodbEndpoint}`, `SQS        ${sqsEndpoint}`, `Events     ${eventsUrl}`]),
    ...section(
      'Tables',
      Object.entries(tables).map(([path, name]) => `${path} = ${name}`),
    ),
    ...section('Outputs', shownOutputs(outputs)),
    ...section(
      'For your own program, so that any AWS SDK finds them',
      Object.entries(environment).map(([name, value]) => `export ${name}=${value}`),
    ),
    ...section('Not run as on AWS', notRunInWords(notRun)),
    'Stop: Ctrl-C.',
    '',
  ].join('\n');
};

const run = async (): Promise<void> => {
  const { help, options } = readArguments(process.argv.slice(2));
  if (help) {
    console.log(USAGE);
    return;
  }
  console.log('Synthesizing the CDK app and starting the engines…');
  // In a process of the user's own it is not ours to set. In this one its warning is about code that the user did not choose.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const runtime = await startRuntime({ ...options, ...PRINTED });
  console.log(greeting(runtime));
  stopOnCtrlC(runtime);
};

export const runCommand = (): Promise<void> =>
  run().catch((error) => {
    console.error(`${COMMAND}: ${errorInWords(error)}`);
    if (error instanceof UsageError) console.error(seeHelpOf(COMMAND));
    process.exit(error instanceof UsageError ? WRONG_USAGE : 1);
  });
