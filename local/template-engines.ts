/** The template's tables and queues, without the Lambdas: for what drives the code by itself. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import { noteNames } from './arns.ts';
import { readAssembly, withNamesOfItsOwn } from './assembly.ts';
import { type Engine, LOCAL_CREDENTIALS, REGION } from './engines.ts';
import { openDynamoDb, openSqs } from './open-engines.ts';
import { createQueues, deleteQueues } from './queues.ts';
import { References } from './references.ts';
import { createTables, deleteTables } from './tables.ts';

export interface TemplateEngines {
  readonly dynamodb: Engine;
  readonly sqs: Engine;
  /** Name of a table, or URL of a queue, by its logical id. */
  nameOf(logicalId: string): string;
  /** Ends the engines that were started; on the operator's own, deletes the tables and queues. */
  stop(): Promise<void>;
}

/**
 * Tables and queues get names of their own, so that any number of these can share the engines that the environment names.
 *
 * @param assemblyDirectory where the app was synthesized into
 */
export const startTemplateEngines = async (assemblyDirectory: string): Promise<TemplateEngines> => {
  const [dynamodb, sqs] = await Promise.all([openDynamoDb(), openSqs()]);
  const client = { region: REGION, credentials: LOCAL_CREDENTIALS };
  const dynamodbClient = new DynamoDBClient({ ...client, endpoint: dynamodb.endpoint });
  const sqsClient = new SQSClient({ ...client, endpoint: sqs.endpoint });
  const assembly = withNamesOfItsOwn(readAssembly(assemblyDirectory));
  const references = new References();
  noteNames(assembly, references);
  await createQueues(assembly, sqsClient, sqs.endpoint, references);
  await createTables(assembly, dynamodbClient, references);
  return {
    dynamodb,
    sqs,
    nameOf: (logicalId) => String(references.resolve({ Ref: logicalId })),
    stop: async () => {
      if (dynamodb.isExternal) await deleteTables(assembly, dynamodbClient, references);
      if (sqs.isExternal) await deleteQueues(assembly, sqsClient, sqs.endpoint, references);
      dynamodbClient.destroy();
      sqsClient.destroy();
      await Promise.all([dynamodb.stop(), sqs.stop()]);
    },
  };
};
