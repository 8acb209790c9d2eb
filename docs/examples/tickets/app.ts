/** The shop's stack: its table of tickets, and what frees those that were held and not paid. */
import { App, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { AttributeType, StreamViewType, Table } from 'aws-cdk-lib/aws-dynamodb';
import { BookingExpiry } from 'booking-expiry';
import { TICKETS } from './shape.ts';

const app = new App();
const stack = new Stack(app, 'Shop');

const table = new Table(stack, 'Tickets', {
  partitionKey: { name: TICKETS.key.partition, type: AttributeType.STRING },
  sortKey: { name: TICKETS.key.sort, type: AttributeType.STRING },
  stream: StreamViewType.NEW_AND_OLD_IMAGES,
  removalPolicy: RemovalPolicy.DESTROY,
});
new BookingExpiry(stack, 'Expiry', { ...TICKETS, table, alarms: false });

app.synth();
