/** The ARNs of what requests name. */
import { localArn } from '../account.ts';

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
    nameOrArn.startsWith('arn:') ? nameOrArn : localArn(service, resource);
  return {
    table: (name) => tables[name] ?? unlessArn(name, 'dynamodb', `table/${name}`),
    queue: (name) => queues[name] ?? unlessArn(name, 'sqs', name),
    bus: (name) => unlessArn(name, 'events', `event-bus/${name}`),
    secret: (name) => unlessArn(name, 'secretsmanager', `secret:${name}`),
  };
};
