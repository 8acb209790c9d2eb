/** What a use of something that is encrypted with a customer's key takes of whoever uses it. */
import type { Need } from './request-needs.ts';

/** ARNs of keys of AWS Key Management Service, by the ARN of what is encrypted with them. */
export type Keys = Readonly<Record<string, string>>;

/** What a service does with the key in the name of whoever asks it, by action. */
const KEY_ACTIONS: readonly (readonly [actions: RegExp, keyActions: readonly string[]])[] = [
  // Amazon SQS Developer Guide, Key management; Amazon SNS Developer Guide, Managing encryption keys and costs.
  [/^(sqs:SendMessage|sns:Publish)$/, ['kms:GenerateDataKey', 'kms:Decrypt']],
  [/^sqs:ReceiveMessage$/, ['kms:Decrypt']],
  // AWS Secrets Manager User Guide, Secret encryption and decryption.
  [/^secretsmanager:GetSecretValue$/, ['kms:Decrypt']],
  // It decrypts the table's own key (Amazon DynamoDB Developer Guide, Encryption at rest: how it works).
  [/^dynamodb:/, ['kms:Decrypt']],
];

/** What a use of an encrypted resource needs of its key. A table's key is that of its indexes and its stream too. */
export const keyNeeds = ({ action, resource }: Need, keys: Keys): Need[] => {
  const key = keys[resource] ?? keys[resource.replace(/(:table\/[^/]+)\/.+$/, '$1')];
  if (key === undefined) return [];
  const keyActions = KEY_ACTIONS.find(([actions]) => actions.test(action))?.[1] ?? [];
  return keyActions.map((keyAction) => ({ action: keyAction, resource: key }));
};
