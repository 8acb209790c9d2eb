/** Which table a command works on, and where that is: found out, not assumed. */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';

/** A table in a region of AWS, or at an endpoint of its own. */
export interface Place {
  readonly table: string;
  readonly region?: string;
  readonly endpoint?: string;
}

/**
 * Notes where a client's requests really go: its endpoint may come from options, variables or the AWS configuration.
 *
 * @returns the place, once the client has been asked for something
 */
export const watchPlace = (client: DynamoDBClient, table: string): (() => Promise<Place>) => {
  let url: URL | undefined;
  client.middlewareStack.add(
    (next) => (step) => {
      const { protocol, hostname, port } = step.request as { protocol: string; hostname: string; port?: number };
      url = new URL(`${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`);
      return next(step);
    },
    { step: 'build', name: 'watchPlace' },
  );
  return async () => {
    if (url === undefined) return { table };
    return /\.amazonaws\.com(\.cn)?$/.test(url.hostname)
      ? { table, region: await client.config.region() }
      : { table, endpoint: url.origin };
  };
};

export const placeText = ({ table, region, endpoint }: Place): string => {
  if (region !== undefined) return `table ${table} in region ${region}`;
  return `table ${table}${endpoint === undefined ? '' : ` at ${endpoint}`}`;
};
