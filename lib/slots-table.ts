import type { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, Table } from 'aws-cdk-lib/aws-dynamodb';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { ENV } from '../functions/contract.ts';
import { SLOT_ATTRIBUTES } from '../functions/table/shape.ts';
import { allow, allowKey } from './grants.ts';
import { keptTable } from './kept-table.ts';

export interface SlotsTableProps {
  /** What happens to it when the stack is deleted; a table that is not deleted with it is protected. */
  readonly removalPolicy: RemovalPolicy;
  /** @default - a key that AWS owns */
  readonly key?: IKey | undefined;
}

/** Which booking has which slot. Without bookings that claim slots it holds nothing and costs nothing. */
export class SlotsTable extends Construct {
  readonly table: Table;
  /** The table, as an environment variable. */
  readonly environment: Readonly<Record<string, string>>;

  constructor(scope: Construct, id: string, { removalPolicy, key }: SlotsTableProps) {
    super(scope, id);
    this.table = new Table(this, 'Table', {
      partitionKey: { name: SLOT_ATTRIBUTES.slotId, type: AttributeType.STRING },
      timeToLiveAttribute: SLOT_ATTRIBUTES.purgeAt,
      ...keptTable(removalPolicy, key),
    });
    this.environment = { [ENV.slotsTable]: this.table.tableName };
  }

  /** Allows to look slots up, to claim and take them, and to give them back. A transaction needs what its writes need. */
  grantMove(grantee: IGrantable): void {
    allowKey(grantee, this.table.encryptionKey);
    allow(grantee, this.table.tableArn, 'dynamodb:BatchGetItem', 'dynamodb:PutItem', 'dynamodb:DeleteItem');
  }
}
