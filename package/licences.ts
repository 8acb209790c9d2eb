/** The licences of the packages that code was made of: each asks to be kept with it. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A file of a package that is installed: the package's folder, wherever it lies. */
const PACKAGE = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//;

/**
 * @param project the folder that the files count from
 * @param files what was made into code
 * @returns each text once, below the packages that it is the licence of
 * @throws Error for a package that names none and has no text of one
 */
export const licencesOf = (project: string, files: readonly string[]): string => {
  const folders = [...new Set(files.flatMap((file) => PACKAGE.exec(file)?.[1] ?? []))].toSorted();
  const packagesOf = new Map<string, string[]>();
  for (const folder of folders) {
    const { text, title } = licenceIn(join(project, folder));
    packagesOf.set(text, [...(packagesOf.get(text) ?? []), title]);
  }
  return Array.from(packagesOf, ([text, titles]) => `${titles.join('\n')}\n\n${text}\n`).join(
    `\n${'-'.repeat(80)}\n\n`,
  );
};

const licenceIn = (folder: string): { readonly title: string; readonly text: string } => {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const [file] = globSync('LICEN[SC]E*', { cwd: folder }).toSorted();
  if (license === undefined && file === undefined) throw new Error(`the package ${name} must have a licence, got none`);
  return {
    title: `${name} ${version}${license === undefined ? '' : `: ${license}`}`,
    text: file === undefined ? '' : readFileSync(join(folder, file), 'utf8').trim(),
  };
};
