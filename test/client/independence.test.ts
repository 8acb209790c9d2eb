/** The client can be used in any program: nothing that it is made of imports a package. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PROJECT_DIRECTORY } from '../../service/project.ts';
import { arrowsOf } from '../structure/wrong-arrows.ts';

/** A file and all that it imports, directly or not. */
const reachableFrom = (file: string, reached = new Set<string>()): Set<string> => {
  if (reached.has(file)) return reached;
  reached.add(file);
  for (const { to } of arrowsOf(PROJECT_DIRECTORY, [file])) reachableFrom(to, reached);
  return reached;
};

const packagesIn = (file: string): string[] =>
  [...readFileSync(join(PROJECT_DIRECTORY, file), 'utf8').matchAll(/\b(?:from|import)\s*\(?\s*'([^.'][^']*)'/g)].map(
    ([, name = '']) => name,
  );

test('nothing that the client is made of imports a package, of Node or of AWS', () => {
  const files = [...reachableFrom('client/index.ts')];
  expect(files).toContain('client/table-client.ts');
  expect(files).toContain('functions/table/shape.ts');
  expect(files.flatMap((file) => packagesIn(file).map((name) => `${file} imports ${name}`))).toEqual([]);
});

test('a package that is imported would be found', () => {
  expect(packagesIn('functions/table/item.ts')).toEqual(['@aws-sdk/client-dynamodb']);
});
