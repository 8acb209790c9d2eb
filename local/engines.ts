/** The embedded engines: DynamoDB as a child process, SQS in this one. Both listen on loopback only. */
export { LOCAL_ACCOUNT_ID, LOCAL_CREDENTIALS, REGION } from './account.ts';
export {
  type DynamoDbEngine,
  findDynoxide,
  type GuardedEngine,
  startDynamoDb,
  startGuardedDynamoDb,
} from './embedded-dynamodb.ts';
export { EMBEDDED_SQS, startSqs } from './embedded-sqs.ts';
export {
  answers,
  claimPort,
  type Engine,
  EngineError,
  type EngineOptions,
  externalEndpoint,
  onClaimedPort,
} from './engine.ts';
