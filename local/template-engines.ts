/** The template's tables and queues on engines of their own, without the Lambdas: for what drives the code by itself. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import { noteNames } from './arns.ts';
import { type Engine, LOCAL_CREDENTIALS, REGION, startDynamoDb, startSqs } from './engines.ts';
import { createQueues, createTables } from './resources.ts';
import { References, readAssembly } from './template.ts';

export interface TemplateEngines {
  readonly dynamodb: Engine;
  readonly sqs: Engine;
  /** Name of a table, or URL of a queue, by its logical id. */
  nameOf(logicalId: string): string;
  stop(): Promise<void>;
}

/** @param assemblyDirectory where the app was synthesized into */
export const startTemplateEngines = async (assemblyDirectory: string): Promise<TemplateEngines> => {
  const [dynamodb, sqs] = await Promise.all([
    startDynamoDb({ port: 0, portVariable: 'DYNAMODB_PORT' }),
    startSqs({ port: 0, portVariable: 'SQS_PORT' }),
  ]);
  const client = { region: REGION, credentials: LOCAL_CREDENTIALS };
  const assembly = readAssembly(assemblyDirectory);
  const references = new References();
  noteNames(assembly, references);
  await createQueues(assembly, new SQSClient({ ...client, endpoint: sqs.endpoint }), sqs.endpoint, REGION, references);
  await createTables(assembly, new DynamoDBClient({ ...client, endpoint: dynamodb.endpoint }), references);
  return {
    dynamodb,
    sqs,
    nameOf: (logicalId) => String(references.resolve({ Ref: logicalId })),
    stop: async () => {
      await Promise.all([dynamodb.stop(), sqs.stop()]);
    },
  };
};
