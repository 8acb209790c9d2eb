/** What a running template's things are called: its outputs, its tables, and whatever a path or a logical id stands for. */
import type { Assembly } from './assembly.ts';
import { attempt } from './left-aside.ts';
import type { References } from './references.ts';
import { tablesOf } from './template.ts';

/** The outputs, resolved. One that cannot be is left aside. */
export const outputsOf = ({ template, leftAside }: Assembly, references: References): Record<string, string> =>
  Object.fromEntries(
    Object.entries(template.Outputs ?? {}).flatMap(([name, { Value }]) => {
      const value = attempt(leftAside, name, () => String(references.resolve(Value)));
      return value === undefined ? [] : [[name, value]];
    }),
  );

/** The tables' names, by the paths of their constructs. */
export const tablesByPath = ({ template, paths }: Assembly, references: References): Record<string, string> =>
  Object.fromEntries(
    tablesOf(template).map(([logicalId]) => [
      paths?.get(logicalId)?.replace(/\/Resource$/, '') ?? logicalId,
      references.lookUp(logicalId),
    ]),
  );

/**
 * The name of a table or a Lambda, or the URL of a queue.
 *
 * @param path of its construct, or its logical id
 * @throws Error if there is none
 */
export const nameOf = ({ template, paths }: Assembly, references: References, path: string): string => {
  const byPath = (wanted: string) => [...(paths ?? [])].find(([, found]) => found === wanted)?.[0];
  const logicalId = path in template.Resources ? path : (byPath(path) ?? byPath(`${path}/Resource`));
  if (logicalId === undefined) {
    throw new Error(`the path must be of a construct of the app, such as Stack/Table, or a logical id, got ${path}`);
  }
  return references.lookUp(logicalId);
};
