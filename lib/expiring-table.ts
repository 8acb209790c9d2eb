import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import { ENV } from '../functions/contract.ts';
import { BOOKINGS_SHAPE, InvalidTableError, type TableShape } from '../functions/table/shape.ts';
import { allow, allowKey } from './grants.ts';

/** Bytes of a shape that leave room for the rest: Lambda takes 4 KB of environment (AWS Lambda Developer Guide, quotas). */
const MAX_SHAPE_BYTES = 2_500;

/** A table whose items expire, whoever made it: what may be done with it, and what the Lambdas are given to know about it. */
export class ExpiringTable {
  /** The table and its shape, as environment variables. The shape of our own bookings table is what they know by themselves. */
  readonly environment: Readonly<Record<string, string>>;

  readonly table: ITable;
  readonly shape: TableShape;

  constructor(table: ITable, shape: TableShape) {
    this.table = table;
    this.shape = shape;
    this.environment = { [ENV.bookingsTable]: table.tableName, ...this.shapeEnvironment };
  }

  get shapeEnvironment(): Record<string, string> {
    const shape = JSON.stringify(this.shape);
    if (shape === JSON.stringify(BOOKINGS_SHAPE)) return {};
    const bytes = new TextEncoder().encode(shape).length;
    if (bytes > MAX_SHAPE_BYTES) {
      throw new InvalidTableError(
        `the description of the table must be at most ${MAX_SHAPE_BYTES} bytes, got ${bytes}`,
      );
    }
    return { [ENV.tableShape]: shape };
  }

  /** What a stream's record must have in its new image beside a status that is one of these. */
  imageWith(statuses: readonly string[]): Record<string, unknown> {
    const text = (values: readonly string[]) => ({ S: [...values] });
    return {
      [this.shape.status.attribute]: text(statuses),
      ...Object.fromEntries(Object.entries(this.shape.only).map(([name, value]) => [name, text([value])])),
    };
  }

  /** Allows what puts items into the index that their writers left out of it, together or one by one. */
  grantAdopt(grantee: IGrantable): void {
    this.#allow(grantee, 'dynamodb:BatchGetItem', 'dynamodb:PartiQLUpdate', 'dynamodb:UpdateItem');
  }

  /** Allows what a timer needs: to read items while waiting, and to expire them, together or one by one. */
  grantExpire(grantee: IGrantable): void {
    this.#allow(grantee, 'dynamodb:BatchGetItem', 'dynamodb:PartiQLUpdate', 'dynamodb:UpdateItem');
  }

  /** Allows to find overdue items in the index, and to expire them. */
  grantSweep(grantee: IGrantable): void {
    this.grantExpire(grantee);
    allow(grantee, `${this.table.tableArn}/index/${this.shape.indexName}`, 'dynamodb:Query');
  }

  /** Allows to look for items that are in no index. */
  grantPatrol(grantee: IGrantable): void {
    this.#allow(grantee, 'dynamodb:Scan');
  }

  /** Allows to use the key of the table, which its stream is encrypted with too. */
  grantKey(grantee: IGrantable): void {
    allowKey(grantee, this.table.encryptionKey);
  }

  #allow(grantee: IGrantable, ...actions: string[]): void {
    allow(grantee, this.table.tableArn, ...actions);
  }
}
