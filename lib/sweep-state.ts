import type { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, Table } from 'aws-cdk-lib/aws-dynamodb';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { ENV, SWEEP_STATE_ATTRIBUTES } from '../functions/contract.ts';
import { allow } from './grants.ts';
import { keptTable } from './kept-table.ts';

export interface SweepStateProps {
  readonly removalPolicy: RemovalPolicy;
  /** @default - a key that AWS owns */
  readonly key?: IKey | undefined;
}

/** How far the last sweep came, for the next one, in a small table of the service's own. */
export class SweepState extends Construct {
  readonly table: Table;
  /** The table, as an environment variable. */
  readonly environment: Readonly<Record<string, string>>;

  constructor(scope: Construct, id: string, { removalPolicy, key }: SweepStateProps) {
    super(scope, id);
    this.table = new Table(this, 'Table', {
      partitionKey: { name: SWEEP_STATE_ATTRIBUTES.stateId, type: AttributeType.STRING },
      ...keptTable(removalPolicy, key),
    });
    this.environment = { [ENV.sweepStateTable]: this.table.tableName };
  }

  /** Allows to read and to keep the state. */
  grantKeep(grantee: IGrantable): void {
    allow(grantee, this.table.tableArn, 'dynamodb:GetItem', 'dynamodb:UpdateItem');
  }
}
