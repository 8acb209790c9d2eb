/** What something costs at DynamoDB: which requests, and capacity units as the engine counts them, of tables and indexes together. */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';

export interface Cost {
  /** Requests by their names, such as `PutItem 1`; joined in the order in which they were made first. */
  readonly requests: string;
  readonly writeUnits: number;
  readonly readUnits: number;
}

const READS: ReadonlySet<string> = new Set(['GetItem', 'BatchGetItem', 'Query', 'Scan']);

/** Counts what a client sends from now on. @returns what an act costs by that client */
export const costsOf = (client: DynamoDBClient): ((act: () => Promise<unknown>) => Promise<Cost>) => {
  let made = new Map<string, number>();
  let units = { writeUnits: 0, readUnits: 0 };
  client.middlewareStack.add(
    (next, { commandName = '' }) =>
      async (args) => {
        const name = commandName.replace(/Command$/, '');
        made.set(name, (made.get(name) ?? 0) + 1);
        Object.assign(args.input, { ReturnConsumedCapacity: 'TOTAL' });
        const result = await next(args);
        const told = (result.output as { ConsumedCapacity?: unknown }).ConsumedCapacity ?? [];
        for (const { CapacityUnits = 0 } of [told].flat() as { CapacityUnits?: number }[]) {
          units[READS.has(name) ? 'readUnits' : 'writeUnits'] += CapacityUnits;
        }
        return result;
      },
    { step: 'initialize', name: 'costs', priority: 'high' },
  );
  return async (act) => {
    made = new Map();
    units = { writeUnits: 0, readUnits: 0 };
    await act();
    return { requests: [...made].map(([name, times]) => `${name} ${times}`).join(', '), ...units };
  };
};
