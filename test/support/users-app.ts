/** CDK apps of users, made in tests, on the local runtime; and clients for what runs there. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb';
import { App, Stack } from 'aws-cdk-lib';
import { AttributeType, StreamViewType, Table, type TableProps } from 'aws-cdk-lib/aws-dynamodb';
import { Code, Function as LambdaFunction, type FunctionProps as LambdaProps, Runtime } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { LOCAL_CREDENTIALS, REGION } from '../../local/account.ts';
import { type LocalRuntime, type RuntimeOptions, startRuntime } from '../../local/testing.ts';

/** What a user's table of tickets looks like: a key of two parts, and a stream. */
export const ticketTable = (scope: Construct, props: Partial<TableProps> = {}): Table =>
  new Table(scope, 'Tickets', {
    partitionKey: { name: 'event', type: AttributeType.STRING },
    sortKey: { name: 'seat', type: AttributeType.NUMBER },
    stream: StreamViewType.NEW_AND_OLD_IMAGES,
    ...props,
  });

/** A Lambda of the Node that runs the tests, with its code in the template. */
export const inlineLambda = (scope: Construct, id: string, code: string, props: Partial<LambdaProps> = {}) =>
  new LambdaFunction(scope, id, {
    runtime: Runtime.NODEJS_24_X,
    handler: 'index.handler',
    code: Code.fromInline(code),
    ...props,
  });

/** An app of one stack. */
export const appOf = (build: (stack: Stack) => void): App => {
  const app = new App();
  build(new Stack(app, 'Shop'));
  return app;
};

export interface StartedApp {
  readonly runtime: LocalRuntime;
  readonly items: DynamoDBDocumentClient;
  readonly sqs: SQSClient;
  readonly problems: string[];
  readonly lines: string[];
  /** An item of a table that is named by its construct's path. */
  get(path: string, key: Record<string, unknown>): Promise<Record<string, unknown> | undefined>;
  stop(): Promise<void>;
}

/** Starts an app as a user would, in this process. */
export const startApp = async (app: App, options: RuntimeOptions = {}): Promise<StartedApp> => {
  const problems: string[] = [];
  const lines: string[] = [];
  const runtime = await startRuntime({
    app,
    isolated: true,
    onProblem: (problem) => problems.push(problem),
    onLogLine: (_, line) => lines.push(line),
    ...options,
  });
  const client = { region: REGION, credentials: LOCAL_CREDENTIALS };
  const dynamodb = new DynamoDBClient({ ...client, endpoint: runtime.dynamodbEndpoint });
  const items = DynamoDBDocumentClient.from(dynamodb);
  const sqs = new SQSClient({ ...client, endpoint: runtime.sqsEndpoint });
  return {
    runtime,
    items,
    sqs,
    problems,
    lines,
    get: async (path, Key) => (await items.send(new GetCommand({ TableName: runtime.nameOf(path), Key }))).Item,
    stop: async () => {
      dynamodb.destroy();
      sqs.destroy();
      await runtime.stop();
    },
  };
};
