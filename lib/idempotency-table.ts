import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, BillingMode, Table } from 'aws-cdk-lib/aws-dynamodb';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { ENV, IDEMPOTENCY_ATTRIBUTES } from '../functions/contract.ts';
import { tableEncryption } from './encryption.ts';
import { acceptFinding } from './findings.ts';
import { allow, allowKey } from './grants.ts';

export interface IdempotencyTableProps {
  /** @default - a key that AWS owns */
  readonly key?: IKey | undefined;
}

/** What was answered to requests with an idempotency key, for a day. Requests without one never touch it. */
export class IdempotencyTable extends Construct {
  readonly table: Table;
  /** The table, as an environment variable. */
  readonly environment: Readonly<Record<string, string>>;

  constructor(scope: Construct, id: string, { key }: IdempotencyTableProps) {
    super(scope, id);
    this.table = new Table(this, 'Table', {
      partitionKey: { name: IDEMPOTENCY_ATTRIBUTES.recordId, type: AttributeType.STRING },
      timeToLiveAttribute: IDEMPOTENCY_ATTRIBUTES.purgeAt,
      billingMode: BillingMode.PAY_PER_REQUEST,
      ...tableEncryption(key),
      // Worth nothing after a day, and nothing without the requests that are being repeated.
      removalPolicy: RemovalPolicy.DESTROY,
    });
    acceptFinding(
      this.table,
      'AwsSolutions-DDB3',
      'records of answers count for one day: what a restore would bring back is forgotten already',
    );
    this.environment = { [ENV.idempotencyTable]: this.table.tableName };
  }

  /** Allows to claim, to answer, and to give a claim back. */
  grantKeep(grantee: IGrantable): void {
    allowKey(grantee, this.table.encryptionKey);
    allow(grantee, this.table.tableArn, 'dynamodb:PutItem', 'dynamodb:UpdateItem');
  }
}
