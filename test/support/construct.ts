/** The construct `BookingExpiry` in stacks of others, and what is in their templates. */
import { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { AttributeType, BillingMode, type ITable, StreamViewType, Table } from 'aws-cdk-lib/aws-dynamodb';
import type { Key } from 'aws-cdk-lib/aws-kms';
import type { BookingExpiryProps } from '../../lib/index.ts';
import { appWithoutBundles } from './stack.ts';

/** What a template holds, by logical id. */
export type Resources = Record<string, { readonly Type: string; readonly Properties: Record<string, unknown> }>;

/** A stack of somebody else. */
export const shop = (): Stack => new Stack(appWithoutBundles(), 'Shop');

export const STREAM = { stream: StreamViewType.NEW_AND_OLD_IMAGES };
/** A table with a key of two attributes and the stream that the construct needs. */
export const ticketTable = (scope: Stack, id = 'Tickets'): Table =>
  new Table(scope, id, {
    partitionKey: { name: 'event_id', type: AttributeType.STRING },
    sortKey: { name: 'ticket_id', type: AttributeType.NUMBER },
    billingMode: BillingMode.PAY_PER_REQUEST,
    ...STREAM,
  });

export const TABLE_ARN = 'arn:aws:dynamodb:eu-central-1:123456789012:table/tickets';
/** The same, made elsewhere and known by its ARN. */
export const importedTable = (scope: Stack, id = 'Imported', more: { encryptionKey?: Key } = {}): ITable =>
  Table.fromTableAttributes(scope, id, {
    tableArn: TABLE_ARN,
    tableStreamArn: `${TABLE_ARN}/stream/2026-01-01T00:00:00.000`,
    ...more,
  });

/** As in the design: nothing of it is as in our own table. */
export const TICKETS = {
  status: { attribute: 'state', pending: ['reserved', 'awaiting_payment'], expired: 'available' },
  deadline: { attribute: 'held_until', unit: 'seconds' },
  onExpire: { remove: ['held_by'], set: { released_by: 'expiry' } },
  only: { entity: 'Ticket' },
} as const satisfies Partial<BookingExpiryProps>;

export const resourcesOf = (stack: Stack): Resources => Template.fromStack(stack).toJSON().Resources;

/** The logical id and the properties of each resource of a type. */
export const ofType = (stack: Stack, type: string): [string, Record<string, unknown>][] =>
  Object.entries(resourcesOf(stack)).flatMap(([id, { Type, Properties }]) => (Type === type ? [[id, Properties]] : []));

/** The environment variables of each Lambda. */
export const environmentsOf = (stack: Stack): Record<string, unknown>[] =>
  ofType(stack, 'AWS::Lambda::Function').map(
    ([, { Environment }]) => (Environment as { Variables: Record<string, unknown> }).Variables,
  );

/** Every action that a role of the stack's Lambdas has on a resource. */
export const actionsOn = (stack: Stack, isMeant: (resource: string) => boolean): string[] => {
  const statements = ofType(stack, 'AWS::IAM::Policy').flatMap(
    ([, { PolicyDocument }]) =>
      (PolicyDocument as { Statement: { Action: string | string[]; Resource: unknown }[] }).Statement,
  );
  const actions = statements.flatMap(({ Action, Resource }) =>
    isMeant(JSON.stringify(Resource)) ? [Action].flat() : [],
  );
  return [...new Set(actions)].sort();
};

/** The properties of the event source mappings that read a stream. */
export const streamReaders = (stack: Stack): Record<string, unknown>[] =>
  ofType(stack, 'AWS::Lambda::EventSourceMapping').flatMap(([, mapping]) =>
    mapping.StartingPosition === undefined ? [] : [mapping],
  );

/** What the readers of streams let through. */
export const patternsOf = (stack: Stack): unknown[] =>
  streamReaders(stack).map(({ FilterCriteria }) =>
    JSON.parse((FilterCriteria as { Filters: { Pattern: string }[] }).Filters[0]?.Pattern ?? ''),
  );
