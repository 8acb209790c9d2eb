/** Permissions written out: CDK's own grants allow more actions than the parts of this service use. */
import { type IGrantable, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';

/** Allows exactly these actions on exactly this resource. */
export const allow = (grantee: IGrantable, resource: string, ...actions: string[]): void => {
  grantee.grantPrincipal.addToPrincipalPolicy(new PolicyStatement({ actions, resources: [resource] }));
};

/**
 * Allows to use what a key encrypts. Who sends to an encrypted queue needs both actions, and every role here does, if only dead
 * letters; who receives from it (Amazon SQS Developer Guide, key management), uses an encrypted table (Amazon DynamoDB
 * Developer Guide, encryption at rest) or reads a secret needs to decrypt.
 *
 * @param key undefined for keys that AWS owns, which need no permission
 */
export const allowKey = (grantee: IGrantable, key: IKey | undefined): void => {
  if (key) allow(grantee, key.keyArn, 'kms:Decrypt', 'kms:GenerateDataKey');
};
