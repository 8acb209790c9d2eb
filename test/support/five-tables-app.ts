/** A CDK app of a stranger: a stack with tables of five makes, and BookingExpiry on each. */
import { App, Stack } from 'aws-cdk-lib';
import { type Attribute, AttributeType, StreamViewType, Table, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { type KeyAttribute, tableShape } from '../../functions/table/shape.ts';
import { BookingExpiry } from '../../lib/index.ts';
import { FIVE_TABLES, type TableOfAMake } from './five-tables.ts';

const attributeOf = ({ name, type }: KeyAttribute): Attribute => ({
  name,
  type: type === 'S' ? AttributeType.STRING : AttributeType.NUMBER,
});

const tableOf = (stack: Stack, { name, shape }: TableOfAMake): Table | TableV2 => {
  const { partition, sort } = shape.key;
  const keys = { partitionKey: attributeOf(partition), ...(sort && { sortKey: attributeOf(sort) }) };
  return name === 'orders'
    ? new TableV2(stack, name, { ...keys, dynamoStream: StreamViewType.NEW_AND_OLD_IMAGES })
    : new Table(stack, name, { ...keys, stream: StreamViewType.NEW_AND_OLD_IMAGES });
};

/** The id of each table is its name; that of its construct has `-expiry` after it. */
export const fiveTablesApp = (): App => {
  const app = new App();
  const stack = new Stack(app, 'Strangers');
  for (const make of FIVE_TABLES) {
    const expiry = new BookingExpiry(stack, `${make.name}-expiry`, {
      ...make.description,
      table: tableOf(stack, make),
      alarms: false,
    });
    if (JSON.stringify(expiry.shape) !== JSON.stringify(tableShape(make.description))) {
      throw new Error(`the construct must take ${make.name} for what it is, got ${JSON.stringify(expiry.shape)}`);
    }
  }
  return app;
};
