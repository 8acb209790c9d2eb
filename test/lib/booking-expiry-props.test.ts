/** The construct’s props: how many pollers, and what is an error at synth, with what is allowed. */
import { Duration, Stack } from 'aws-cdk-lib';
import { AttributeType, type ITable, StreamViewType, Table, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { describe, expect, test } from 'vitest';
import { BookingExpiry, type BookingExpiryProps } from '../../lib/index.ts';
import { importedTable, ofType, STREAM, shop, TICKETS, ticketTable } from '../support/construct.ts';
import { appWithoutBundles } from '../support/stack.ts';

test.each([
  [{}, { MinimumPollers: 2, MaximumPollers: 200 }],
  [{ max: 40 }, { MinimumPollers: 2, MaximumPollers: 40 }],
  [{ min: 200 }, { MinimumPollers: 200, MaximumPollers: 200 }],
  [
    { min: 3, max: 2_000 },
    { MinimumPollers: 3, MaximumPollers: 2_000 },
  ],
])('pollers of %j are provisioned for the timer queue as %j', (timerPollers, expected) => {
  const stack = shop();
  new BookingExpiry(stack, 'Expiry', { table: ticketTable(stack), ...TICKETS, timerPollers });
  const configs = ofType(stack, 'AWS::Lambda::EventSourceMapping').map(
    ([, mapping]) => mapping.ProvisionedPollerConfig,
  );
  expect(configs.filter((config) => config !== undefined)).toEqual([expected]);
});

describe('what must be known at synth', () => {
  const fails = (props: Partial<BookingExpiryProps>) => () => {
    const stack = shop();
    new BookingExpiry(stack, 'Expiry', { table: ticketTable(stack), ...props });
  };

  test.each([
    [{ timerLead: Duration.seconds(11) }, 'Shop/Expiry: timerLead must be from 0 to 10000 ms, got 11 seconds'],
    [{ sameMoment: Duration.millis(1_001) }, 'Shop/Expiry: sameMoment must be from 0 to 1000 ms, got 1 second 1 milli'],
    [{ sameMoment: Duration.millis(0.5) }, 'sameMoment must be from 0 to 1000 ms, got'],
    [{ sweepInterval: Duration.seconds(90) }, 'Shop/Expiry: sweepInterval must be whole minutes from 1 to 180, got'],
    [{ sweepInterval: Duration.hours(4) }, 'sweepInterval must be whole minutes from 1 to 180, got 4 hours'],
    [{ shardCount: 201 }, 'Shop/Expiry: shardCount must be a whole number from 1 to 200, got 201'],
    [{ shardCount: 0.5 }, 'shardCount must be a whole number from 1 to 200, got 0.5'],
    [{ timerPollers: { min: 1 } }, 'Shop/Expiry: timerPollers.min must be a whole number from 2 to 200, got 1'],
    [{ timerPollers: { max: 2_001 } }, 'timerPollers.max must be a whole number from 2 to 2000, got 2001'],
    [{ timerPollers: { max: 2.5 } }, 'timerPollers.max must be a whole number from 2 to 2000, got 2.5'],
    [
      { timerPollers: { min: 100, max: 99 } },
      'timerPollers.min must be at most timerPollers.max, which is 99, got 100',
    ],
    [{ serviceName: 'my shop' }, 'Shop/Expiry: serviceName must be 1 to 90 letters, digits, hyphens and underscores'],
    [{ status: { pending: [] } }, 'Shop/Expiry: status.pending must be one or more words'],
    [{ status: { expired: 'CONFIRMED' }, events: { settled: true } }, 'events.settled must be false where CONFIRMED'],
    [{ onExpire: { set: { note: 'x'.repeat(2_500) } } }, 'the description of the table must be at most 2500 bytes'],
    [
      { key: { partition: 'event_id' } },
      "key must be the key of the table Shop/Tickets, got event_id (S): write key: { partition: 'event_id', sort: { name: 'ticket_id', type: 'N' } }",
    ],
    [{ key: { partition: 'event_id', sort: 'ticket_id' } }, 'got event_id (S) and ticket_id (S)'],
  ] as [Partial<BookingExpiryProps>, string][])('%j fails with what is allowed', (props, message) => {
    expect(fails(props)).toThrow(message);
  });

  test.each([
    [Duration.millis(0), Duration.minutes(1)],
    [Duration.seconds(10), Duration.hours(3)],
  ])('a lead of %s and an interval of %s are allowed', (timerLead, sweepInterval) => {
    expect(fails({ timerLead, sweepInterval, shardCount: 200 })).not.toThrow();
  });

  test('a table of another region fails', () => {
    const stackIn = (region: string) => new Stack(appWithoutBundles(), 'Shop', { env: { region } });
    const expiryIn = (stack: Stack) => () =>
      new BookingExpiry(stack, 'Expiry', { table: importedTable(stack), indexName: 'held' });
    expect(expiryIn(stackIn('eu-west-1'))).toThrow('must be in the region of the stack, eu-west-1, got eu-central-1');
    expect(expiryIn(stackIn('eu-central-1'))).not.toThrow();
    const app = appWithoutBundles();
    const [here, there] = ['eu-west-1', 'us-east-1'].map((region) => new Stack(app, region, { env: { region } }));
    const tableThere = ticketTable(there as Stack);
    expect(() => new BookingExpiry(here as Stack, 'Expiry', { table: tableThere })).toThrow('eu-west-1, got us-east-1');
  });

  test('a binary key fails', () => {
    const stack = shop();
    const table = new Table(stack, 'Tickets', { partitionKey: { name: 'id', type: AttributeType.BINARY }, ...STREAM });
    expect(() => new BookingExpiry(stack, 'Expiry', { table })).toThrow('key.partition.type must be S or N, got "B"');
  });

  test('a table without a stream fails with the prop to write', () => {
    const stack = shop();
    const partitionKey = { name: 'id', type: AttributeType.STRING };
    const expiryOf = (table: ITable | Table | TableV2, id: string) => () =>
      new BookingExpiry(stack, id, { table, indexName: 'held' });
    expect(expiryOf(new Table(stack, 'A', { partitionKey }), 'EA')).toThrow(
      'the table Shop/A must have a stream of new and old images, got none: write stream: StreamViewType.NEW_AND_OLD_IMAGES',
    );
    expect(expiryOf(new Table(stack, 'B', { partitionKey, stream: StreamViewType.KEYS_ONLY }), 'EB')).toThrow(
      'got KEYS_ONLY: write stream: StreamViewType.NEW_AND_OLD_IMAGES',
    );
    expect(expiryOf(new TableV2(stack, 'C', { partitionKey }), 'EC')).toThrow(
      'got none: write dynamoStream: StreamViewType.NEW_AND_OLD_IMAGES',
    );
    expect(expiryOf(Table.fromTableName(stack, 'D', 'tickets'), 'ED')).toThrow(
      'import it with Table.fromTableAttributes and its tableStreamArn',
    );
  });

  const INDEX =
    "addGlobalSecondaryIndex({ indexName: 'pending-by-expiry', partitionKey: { name: 'pendingShard', type: AttributeType.NUMBER }, sortKey: { name: 'expiresAtMs', type: AttributeType.NUMBER }, projectionType: ProjectionType.INCLUDE, nonKeyAttributes: ['holdStartedAtMs'] })";

  test('an imported table whose index is not named fails with the index to make and the prop to write', () => {
    const stack = shop();
    expect(() => new BookingExpiry(stack, 'Expiry', { table: importedTable(stack) })).toThrow(
      `make ${INDEX}, then give the prop indexName: 'pending-by-expiry'`,
    );
  });

  test('an index that cannot be added fails with the index to make', () => {
    const stack = shop();
    const table = ticketTable(stack);
    // The same attribute cannot be text in one index and a number in another.
    table.addGlobalSecondaryIndex({
      indexName: 'mine',
      partitionKey: { name: 'expiresAtMs', type: AttributeType.STRING },
    });
    expect(() => new BookingExpiry(stack, 'Expiry', { table })).toThrow(
      `make it yourself before this construct, as ${INDEX}`,
    );
  });

  test('an index of that name is taken if it is the one, else it fails', () => {
    const stack = shop();
    const indexName = 'pending-by-expiry';
    const partitionKey = { name: 'pendingShard', type: AttributeType.NUMBER };
    const sortKey = { name: 'expiresAtMs', type: AttributeType.NUMBER };
    const right = ticketTable(stack, 'Right');
    right.addGlobalSecondaryIndex({ indexName, partitionKey, sortKey });
    expect(() => new BookingExpiry(stack, 'E1', { table: right })).not.toThrow();
    const wrong = ticketTable(stack, 'Wrong');
    wrong.addGlobalSecondaryIndex({ indexName, partitionKey });
    expect(() => new BookingExpiry(stack, 'E2', { table: wrong })).toThrow(`must be ${INDEX}, got another`);
  });
});
