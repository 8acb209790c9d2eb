/** Which of the template's resources are encrypted with a customer's key, and what a use of one takes of whoever uses it. */
import type { References } from '../references.ts';
import { resourcesOf, type Template } from '../template.ts';
import type { Need } from './need.ts';

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

/** Where each type of resource names its key. */
const KEY_OF: Readonly<Record<string, (properties: Record<string, unknown>) => unknown>> = {
  'AWS::DynamoDB::Table': ({ SSESpecification }) => (SSESpecification as KeyOfTable | undefined)?.KMSMasterKeyId,
  // Each region has its own, and all of them are this one here.
  'AWS::DynamoDB::GlobalTable': ({ Replicas }) =>
    (Replicas as readonly { readonly SSESpecification?: KeyOfTable }[] | undefined)?.[0]?.SSESpecification
      ?.KMSMasterKeyId,
  'AWS::SQS::Queue': ({ KmsMasterKeyId }) => KmsMasterKeyId,
  'AWS::SNS::Topic': ({ KmsMasterKeyId }) => KmsMasterKeyId,
  'AWS::SecretsManager::Secret': ({ KmsKeyId }) => KmsKeyId,
};

interface KeyOfTable {
  readonly KMSMasterKeyId?: unknown;
}

/** Reads which resources have a customer's key. The keys that AWS keeps for a service ask nothing of its users. */
export const keysOf = (template: Template, references: References): Keys => {
  const keys: Record<string, string> = {};
  for (const [type, keyOf] of Object.entries(KEY_OF)) {
    for (const [logicalId, properties] of resourcesOf(template, type)) {
      const key = references.resolve(keyOf(properties));
      if (typeof key === 'string' && !key.includes('alias/aws/')) keys[references.arnOf(logicalId)] = key;
    }
  }
  return keys;
};
