/**
 * What a request needs: which actions on which resources, by the service that it is signed for and its protocol (Service
 * Authorization Reference, one page for each service).
 */
import type { ArnNames } from './arn-names.ts';
import type { AwsRequest } from './aws-request.ts';
import { dynamodbNeeds } from './dynamodb-needs.ts';
import type { Need } from './need.ts';

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
