/** Which deployment is verified: a stack on AWS, or the local runtime that stands in for one. */
import { CloudFormationClient, DescribeStacksCommand, type Stack } from '@aws-sdk/client-cloudformation';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { LOCAL_CREDENTIALS, REGION } from '../../local/account.ts';
import { readServiceFile, shownServiceFile } from '../../service/runtime-file.ts';
import { type Connection, connect, reasonOf } from '../connect.ts';
import type { Caller } from './api.ts';
import type { Ledger } from './ledger.ts';

/** Outputs of the stack that the steps read. */
export const OUTPUTS_READ = [
  'BookingsTableName',
  'TimerQueueUrl',
  'EventBusName',
  'AlarmTopicArn',
  'ApiUrl',
  'CronTokenSecretArn',
] as const;
export type OutputName = (typeof OUTPUTS_READ)[number];

export interface Deployment {
  /** In words. */
  readonly name: string;
  /** Absent where it is the local runtime. */
  readonly stackName?: string;
  /** What its SDK clients are given beside the AWS configuration. */
  readonly client: { readonly region?: string };
  readonly outputs: Readonly<Record<OutputName, string>>;
  readonly connection: Connection;
  readonly caller: Caller | undefined;
  readonly secrets: SecretsManagerClient;
  readonly ledger: Ledger;
  /** Where the local runtime streams its events. */
  readonly eventsUrl?: string;
}

export interface DeploymentOptions {
  readonly stack?: string | undefined;
  readonly region?: string | undefined;
  readonly token?: string | undefined;
}

/**
 * Finds the deployment and connects to its table.
 *
 * @throws Error that says what to do if there is none, or if it cannot be read or reached
 */
export const findDeployment = (options: DeploymentOptions, ledger: Ledger): Promise<Deployment> =>
  options.stack === undefined ? localDeployment(options, ledger) : stackDeployment(options.stack, options, ledger);

const stackDeployment = async (
  stackName: string,
  { region, token }: DeploymentOptions,
  ledger: Ledger,
): Promise<Deployment> => {
  const client = region === undefined ? {} : { region };
  const cloudFormation = ledger.watch('CloudFormation', new CloudFormationClient(client));
  const { Stacks: [stack] = [] } = await cloudFormation
    .send(new DescribeStacksCommand({ StackName: stackName }))
    .catch((error) => {
      throw new Error(`cannot read the stack ${stackName}: ${reasonOf(error)}`, { cause: error });
    });
  const outputs = outputsOf(stackName, stack);
  const connection = await connect({ table: outputs.BookingsTableName, region }, 'write');
  return {
    name: `stack ${stackName} in region ${await cloudFormation.config.region()}`,
    stackName,
    client,
    outputs,
    connection: watched(connection, ledger),
    caller:
      token === undefined
        ? { region: await cloudFormation.config.region(), credentials: cloudFormation.config.credentials }
        : { token },
    secrets: ledger.watch('Secrets Manager', new SecretsManagerClient(client)),
    ledger,
  };
};

const outputsOf = (stackName: string, stack: Stack | undefined): Deployment['outputs'] => {
  const status = stack?.StackStatus ?? 'unknown';
  if (!/^(CREATE|UPDATE|IMPORT|UPDATE_ROLLBACK)_COMPLETE$/.test(status)) {
    throw new Error(`the stack ${stackName} must be deployed, its status is ${status}`);
  }
  return checked(
    `the stack ${stackName}`,
    Object.fromEntries((stack?.Outputs ?? []).map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue])),
  );
};

const localDeployment = async ({ token }: DeploymentOptions, ledger: Ledger): Promise<Deployment> => {
  const runtime = readServiceFile();
  if (runtime === undefined) {
    throw new Error(
      `no local runtime is running, as there is no ${shownServiceFile()}: start it with npm start, or name a deployed ` +
        'stack with --stack',
    );
  }
  const { events, secretsManager } = runtime;
  if (events === undefined || secretsManager === undefined) {
    throw new Error(`the local runtime is of an older version, as ${shownServiceFile()} says: restart it`);
  }
  const client = { region: REGION, credentials: LOCAL_CREDENTIALS };
  return {
    name: `npm start, process ${runtime.pid}`,
    client,
    outputs: checked('the local runtime', runtime.outputs ?? {}),
    connection: watched(await connect({}, 'write'), ledger),
    caller: token === undefined ? undefined : { token },
    secrets: ledger.watch('Secrets Manager', new SecretsManagerClient({ ...client, endpoint: secretsManager })),
    ledger,
    eventsUrl: events,
  };
};

const checked = (owner: string, outputs: Readonly<Record<string, string>>): Deployment['outputs'] => {
  const missing = OUTPUTS_READ.filter((name) => !outputs[name]);
  if (missing.length > 0) {
    throw new Error(`${owner} must have the outputs of this version, missing: ${missing.join(', ')}`);
  }
  return outputs as Deployment['outputs'];
};

const watched = (connection: Connection, ledger: Ledger): Connection => {
  ledger.watch('DynamoDB', connection.client);
  ledger.watch('SQS', connection.sqsClient);
  return connection;
};
