/**
 * What a request needs: which actions on which resources, by the service that it is signed for and its protocol (Service
 * Authorization Reference, one page for each service).
 */
import { LOCAL_ACCOUNT_ID, REGION } from '../account.ts';
import { dynamodbNeeds } from './dynamodb-needs.ts';

/** One action on one resource. */
export interface Need {
  readonly action: string;
  /** ARN, or `*` for an action that takes no resource. */
  readonly resource: string;
}

/** A request as an SDK signs it. */
export interface AwsRequest {
  /** The service that it is signed for, such as `dynamodb`. */
  readonly service: string;
  /** Such as `GetItem`; undefined if the request does not say. */
  readonly operation: string | undefined;
  readonly input: unknown;
}

/**
 * What a request needs.
 *
 * @returns undefined for a service, an operation or a form of it that is not known here
 */
export const needsOf = ({ service, operation, input }: AwsRequest, names: ArnNames): Need[] | undefined => {
  if (operation === undefined || typeof input !== 'object' || input === null) return undefined;
  const needs = NEEDS[service]?.(operation, input, names);
  return needs?.length === 0 ? undefined : needs;
};

type NeedsOfService = (operation: string, input: object, names: ArnNames) => Need[] | undefined;

const sqsNeeds: NeedsOfService = (operation, input: { QueueUrl?: string; QueueName?: string }, names) => {
  const name = input.QueueUrl?.split('/').at(-1) ?? input.QueueName;
  if (name === undefined) return undefined;
  // A batch needs what each of its entries does: there is no action of its own.
  return [{ action: `sqs:${operation.replace(/Batch$/, '')}`, resource: names.queue(name) }];
};

const eventBridgeNeeds: NeedsOfService = (
  operation,
  { Entries = [] }: { Entries?: readonly { EventBusName?: string }[] },
  names,
) => {
  if (operation !== 'PutEvents') return undefined;
  const buses = new Set(Entries.map(({ EventBusName = 'default' }) => EventBusName));
  return [...buses].map((bus) => ({ action: 'events:PutEvents', resource: names.bus(bus) }));
};

const secretsManagerNeeds: NeedsOfService = (operation, { SecretId }: { SecretId?: string }, names) =>
  SecretId === undefined ? undefined : [{ action: `secretsmanager:${operation}`, resource: names.secret(SecretId) }];

const NEEDS: Readonly<Record<string, NeedsOfService>> = {
  dynamodb: dynamodbNeeds,
  sqs: sqsNeeds,
  events: eventBridgeNeeds,
  secretsmanager: secretsManagerNeeds,
};

/** ARNs by the names that requests use. A name may be an ARN itself. */
export interface ArnNames {
  table(nameOrArn: string): string;
  /** By the last part of its URL. */
  queue(name: string): string;
  bus(nameOrArn: string): string;
  secret(nameOrArn: string): string;
}

/** ARNs of tables and queues by their names: an engine may have a region and an account of its own. */
export interface KnownArns {
  readonly tables: Readonly<Record<string, string>>;
  readonly queues: Readonly<Record<string, string>>;
}

/** What is not known gets the ARN that it would have. */
export const arnNames = ({ tables, queues }: KnownArns): ArnNames => {
  const unlessArn = (nameOrArn: string, service: string, resource: string): string =>
    nameOrArn.startsWith('arn:') ? nameOrArn : `arn:aws:${service}:${REGION}:${LOCAL_ACCOUNT_ID}:${resource}`;
  return {
    table: (name) => tables[name] ?? unlessArn(name, 'dynamodb', `table/${name}`),
    queue: (name) => queues[name] ?? unlessArn(name, 'sqs', name),
    bus: (name) => unlessArn(name, 'events', `event-bus/${name}`),
    secret: (name) => unlessArn(name, 'secretsmanager', `secret:${name}`),
  };
};
