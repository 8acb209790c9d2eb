/** SDK clients, made once per execution environment and reused by its invocations. */
import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { SQSClient, type SQSClientConfig } from '@aws-sdk/client-sqs';

/**
 * A request that hangs is given up and tried again, three times in all, well within each Lambda's time limit.
 * Without `throwOnRequestTimeout` the SDK's timeout is a warning only. A request that was given up may still be carried
 * out, seconds after its repetition: every write of the service is made so that this changes nothing.
 */
export const PATIENCE = {
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 1_000, requestTimeout: 2_000, throwOnRequestTimeout: true },
};

/** A DynamoDB client with the service's retries and timeouts. Region, credentials and endpoint are the SDK's defaults. */
export const tableClient = (config: DynamoDBClientConfig = {}): DynamoDBClient =>
  withoutLog(new DynamoDBClient({ ...PATIENCE, ...config }));

/** An SQS client with the service's retries and timeouts. TLS protects the messages; their MD5 would only cost CPU. */
export const queueClient = (config: SQSClientConfig = {}): SQSClient =>
  withoutLog(new SQSClient({ ...PATIENCE, md5: false, ...config }));

/** The SDK makes a copy of each request and answer for its log, without what is sensitive, even where nobody logs it. */
const withoutLog = <Client extends DynamoDBClient | SQSClient>(client: Client): Client => {
  client.middlewareStack.remove('loggerMiddleware');
  return client;
};
