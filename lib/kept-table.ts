/** What every table has whose items must not get lost. */
import { RemovalPolicy } from 'aws-cdk-lib';
import { BillingMode } from 'aws-cdk-lib/aws-dynamodb';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { tableEncryption } from './encryption.ts';

/**
 * On demand, encrypted, and recoverable as it was at any second of the last 35 days (Amazon DynamoDB Developer Guide).
 *
 * @param removalPolicy what happens to the table when the stack is deleted; one that is not deleted with it is protected
 * @param key undefined for a key that AWS owns
 */
export const keptTable = (removalPolicy: RemovalPolicy, key: IKey | undefined) => ({
  billingMode: BillingMode.PAY_PER_REQUEST,
  pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
  ...tableEncryption(key),
  deletionProtection: removalPolicy !== RemovalPolicy.DESTROY,
  removalPolicy,
});
