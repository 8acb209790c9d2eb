/** Finds imports that the rules forbid. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, matchesGlob, normalize, sep } from 'node:path';

export type Rules = Readonly<Record<string, readonly string[]>>;

export interface Arrow {
  readonly from: string;
  readonly to: string;
}

/** What TypeScript reads as programs of their own, for a browser. */
const BROWSERS = ['page/*.ts', 'test/page/*.ts'];

/** What is checked: everything that TypeScript is told to read. */
export const sourceFiles = (projectDirectory: string): string[] => {
  const { include, exclude } = JSON.parse(readFileSync(join(projectDirectory, 'tsconfig.json'), 'utf8'));
  return (
    (include as string[])
      .flatMap((each) =>
        each.endsWith('.ts')
          ? [each]
          : globSync('**/*.ts', { cwd: join(projectDirectory, each) }).map((file) => join(each, file)),
      )
      // Tools that some tests bring with them are nobody's source.
      .filter((file) => !file.split(sep).includes('node_modules'))
      .filter((file) => !(exclude as string[]).some((each) => file.startsWith(`${each}/`)))
      .concat(globSync(BROWSERS, { cwd: projectDirectory }))
  );
};

/** A relative import or export, of types too; Biome has made its quotes single ones. */
const IMPORT = /\b(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g;

/** Each import of one of the project's own files. */
export const arrowsOf = (projectDirectory: string, files: readonly string[]): Arrow[] =>
  files.flatMap((from) =>
    [...readFileSync(join(projectDirectory, from), 'utf8').matchAll(IMPORT)].map(([, specifier = '']) => ({
      from,
      to: normalize(join(dirname(from), specifier)),
    })),
  );

const isIn = (file: string, room: string): boolean => file.startsWith(`${room}/`) || matchesGlob(file, room);

/** What is wrong with the rules and with the arrows, each a line for people. */
export const wrongArrows = (rules: Rules, arrows: readonly Arrow[]): string[] => {
  const rooms = Object.keys(rules);
  const roomOf = (file: string): string | undefined =>
    rooms.filter((room) => isIn(file, room)).toSorted((a, b) => b.length - a.length)[0];
  const upwards = rooms.flatMap((room, index) =>
    (rules[room] ?? [])
      .filter((allowed) => !rooms.slice(0, index).includes(roomOf(allowed) ?? ''))
      .map((allowed) => `the rules: ${room} may import ${allowed}, which must stand above it`),
  );
  const forbidden = arrows.flatMap(({ from, to }) => {
    const room = roomOf(from);
    const target = roomOf(to);
    if (room === undefined) return [`${from} is in no room: say in test/structure/arrows.ts what it may import`];
    if (room === target) return [];
    if ((rules[room] ?? []).some((allowed) => isIn(to, allowed))) return [];
    return [`${from} imports ${to}: ${room} may import ${['only itself', ...(rules[room] ?? [])].join(', ')}`];
  });
  return [...upwards, ...forbidden];
};
