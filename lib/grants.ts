/** Permissions written out: CDK's own grants allow more actions than the parts of this service use. */
import { Aws, type Stack } from 'aws-cdk-lib';
import { type IGrantable, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
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

/**
 * Lets the services use a key that use it by themselves: logs encrypt with it, alarms and rules send to what it encrypts. The
 * policy of an imported key cannot be changed from here; SECURITY.md says what its owner adds to it.
 */
export const allowServices = (key: IKey, { account, region }: Stack): void => {
  key.addToResourcePolicy(
    new PolicyStatement({
      principals: [new ServicePrincipal(`logs.${region}.amazonaws.com`)],
      actions: ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:DescribeKey'],
      resources: ['*'],
      conditions: {
        ArnLike: {
          'kms:EncryptionContext:aws:logs:arn': `arn:${Aws.PARTITION}:logs:${region}:${account}:log-group:*`,
        },
      },
    }),
  );
  key.addToResourcePolicy(
    new PolicyStatement({
      principals: [new ServicePrincipal('cloudwatch.amazonaws.com'), new ServicePrincipal('events.amazonaws.com')],
      actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
      resources: ['*'],
      conditions: { StringEquals: { 'aws:SourceAccount': account } },
    }),
  );
};
