/** SDK clients, made once per execution environment and reused by its invocations. */
import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { SQSClient, type SQSClientConfig } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { UNMARSHALL } from '../adapters/booking-store.ts';

/**
 * A request that hangs is given up and tried again, three times in all, well within each Lambda's time limit.
 * Without `throwOnRequestTimeout` the SDK's timeout is a warning only.
 */
export const PATIENCE = {
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 1_000, requestTimeout: 2_000, throwOnRequestTimeout: true },
};

/** A document client with the service's retries and timeouts. Region, credentials and endpoint are the SDK's defaults. */
export const documentClient = (config: DynamoDBClientConfig = {}): DynamoDBDocumentClient =>
  DynamoDBDocumentClient.from(new DynamoDBClient({ ...PATIENCE, ...config }), {
    marshallOptions: { removeUndefinedValues: true },
    // A copy: the document client adds options of its own to the object that it is given.
    unmarshallOptions: { ...UNMARSHALL },
  });

/** An SQS client with the service's retries and timeouts. TLS protects the messages; their MD5 would only cost CPU. */
export const queueClient = (config: SQSClientConfig = {}): SQSClient =>
  new SQSClient({ ...PATIENCE, md5: false, ...config });
