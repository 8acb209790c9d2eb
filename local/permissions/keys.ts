/** Which of the template's resources are encrypted with a customer's key. */
import { type References, resourcesOf, type Template } from '../template.ts';
import type { Keys } from './key-needs.ts';

/** Where each type of resource names its key. */
const KEY_OF: Readonly<Record<string, (properties: Record<string, unknown>) => unknown>> = {
  'AWS::DynamoDB::Table': ({ SSESpecification }) => (SSESpecification as KeyOfTable | undefined)?.KMSMasterKeyId,
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
