/** The engines in use, made to differ from the embedded ones as engines of other makes do. */
import { LOCAL_ACCOUNT_ID } from '../../local/engines.ts';
import { openDynamoDb, openSqs } from '../../local/open-engines.ts';
import { startStandIn } from './stand-in.ts';

/** Another account than the one that the embedded engines' ARNs name. */
export const OTHER_ACCOUNT_ID = '123456789012';

/** A DynamoDB without tags, as DynamoDB Local is one. */
export const startDynamoDbWithoutTags = async () => {
  const engine = await openDynamoDb();
  const standIn = await startStandIn(engine.endpoint, {
    refuse: ({ action, body }) =>
      action.includes('Tag') || (action === 'CreateTable' && 'Tags' in JSON.parse(body))
        ? { type: 'UnknownOperationException', message: 'Tagging is not currently supported in DynamoDB Local.' }
        : undefined,
  });
  return { endpoint: standIn.endpoint, stop: () => standIn.stop().then(() => engine.stop()) };
};

/** An SQS of another account, at another address than the one that its queue URLs name. */
export const startSqsOfAnotherAccount = async () => {
  const engine = await openSqs();
  const standIn = await startStandIn(engine.endpoint, {
    refuse: ({ body }) =>
      body.includes(`:${LOCAL_ACCOUNT_ID}:`)
        ? { type: 'InvalidParameterValue', message: `no queue of account ${LOCAL_ACCOUNT_ID} is here` }
        : undefined,
    changeRequest: (body) => body.replaceAll(OTHER_ACCOUNT_ID, LOCAL_ACCOUNT_ID),
    changeAnswer: (body) => body.replaceAll(LOCAL_ACCOUNT_ID, OTHER_ACCOUNT_ID),
  });
  return { endpoint: standIn.endpoint, stop: () => standIn.stop().then(() => engine.stop()) };
};
