import { RemovalPolicy, Tags } from 'aws-cdk-lib';
import {
  AttributeType,
  BillingMode,
  ProjectionType,
  StreamViewType,
  Table,
  TableEncryption,
} from 'aws-cdk-lib/aws-dynamodb';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { BOOKING_ATTRIBUTES, PENDING_INDEX, SWEEP_STATE_ATTRIBUTES, TABLE_TAGS } from '../functions/contract.ts';
import { allow } from './grants.ts';
import { keepLogicalId } from './logical-ids.ts';
import type { BookingExpirySettings } from './settings.ts';

export interface BookingTableProps {
  readonly settings: BookingExpirySettings;
  /** URL of the timer queue, noted in the table's tags so that the table's name is enough for a sweep by command. */
  readonly timerQueueUrl: string;
  /** @default - a key that AWS owns */
  readonly key?: IKey | undefined;
}

/** The bookings table with its stream and its sparse index of PENDING bookings, and the sweep's own state. */
export class BookingTable extends Construct {
  readonly table: Table;
  readonly sweepStateTable: Table;

  constructor(scope: Construct, id: string, { settings, timerQueueUrl, key }: BookingTableProps) {
    super(scope, id);
    const destroy = settings.removalPolicy === 'destroy';
    // A first deployment that fails leaves no protected table behind that the next one would find in its way.
    const removalPolicy = destroy ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE;

    const encryption = key
      ? { encryption: TableEncryption.CUSTOMER_MANAGED, encryptionKey: key }
      : { encryption: TableEncryption.DEFAULT };

    this.table = new Table(this, 'Table', {
      partitionKey: { name: BOOKING_ATTRIBUTES.bookingId, type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      stream: StreamViewType.NEW_AND_OLD_IMAGES,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      ...encryption,
      deletionProtection: !destroy,
      removalPolicy,
    });
    keepLogicalId(this.table, 'BookingsTable');
    this.table.addGlobalSecondaryIndex({
      indexName: PENDING_INDEX,
      partitionKey: { name: BOOKING_ATTRIBUTES.pendingShard, type: AttributeType.NUMBER },
      sortKey: { name: BOOKING_ATTRIBUTES.expiresAtMs, type: AttributeType.NUMBER },
      projectionType: ProjectionType.INCLUDE,
      nonKeyAttributes: [BOOKING_ATTRIBUTES.holdStartedAtMs],
    });

    this.sweepStateTable = new Table(this, 'SweepState', {
      partitionKey: { name: SWEEP_STATE_ATTRIBUTES.stateId, type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      ...encryption,
      deletionProtection: !destroy,
      removalPolicy,
    });
    keepLogicalId(this.sweepStateTable, 'SweepStateTable');

    const tags = Tags.of(this.table);
    tags.add(TABLE_TAGS.shardCount, String(settings.shardCount));
    tags.add(TABLE_TAGS.sweepIntervalMinutes, String(settings.sweepIntervalMinutes));
    tags.add(TABLE_TAGS.timerLeadMs, String(settings.timerLeadMs));
    tags.add(TABLE_TAGS.timerQueueUrl, timerQueueUrl);
    tags.add(TABLE_TAGS.sweepStateTable, this.sweepStateTable.tableName);
  }

  /** Allows what puts bookings into the index that their writers left out of it, together or one by one. */
  grantAdopt(grantee: IGrantable): void {
    allow(grantee, this.table.tableArn, 'dynamodb:BatchGetItem', 'dynamodb:PartiQLUpdate', 'dynamodb:UpdateItem');
  }

  /** Allows what a timer needs: to read bookings while waiting, and to expire them, together or one by one. */
  grantExpire(grantee: IGrantable): void {
    allow(grantee, this.table.tableArn, 'dynamodb:BatchGetItem', 'dynamodb:PartiQLUpdate', 'dynamodb:UpdateItem');
  }

  /** Allows what the HTTP API needs: to create, read, list and move bookings, and what a sweep by webhook needs. */
  grantApi(grantee: IGrantable): void {
    this.grantSweep(grantee);
    allow(grantee, this.table.tableArn, 'dynamodb:GetItem', 'dynamodb:PutItem');
  }

  /** Allows to look for bookings that are in no index. */
  grantPatrol(grantee: IGrantable): void {
    allow(grantee, this.table.tableArn, 'dynamodb:Scan');
  }

  /** Allows what a sweep needs: to find overdue bookings in the index, to expire them, and to keep its state. */
  grantSweep(grantee: IGrantable): void {
    this.grantExpire(grantee);
    allow(grantee, `${this.table.tableArn}/index/${PENDING_INDEX}`, 'dynamodb:Query');
    allow(grantee, this.sweepStateTable.tableArn, 'dynamodb:GetItem', 'dynamodb:UpdateItem');
  }
}
