/** Finds the app that the runtime is to run: synthesizes it where that is needed, and reads it. */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Assembly, readAssembly, withNamesOfItsOwn } from './assembly.ts';
import { isAlive } from './data-directory.ts';
import { isMarkedStrict, LeftAside, type TemplateResource } from './left-aside.ts';
import type { AppOptions, RuntimeOptions, Stops } from './runtime-options.ts';
import { checkSupport } from './support.ts';
import { synthesizeApp, synthesizeByCommand } from './synth.ts';

/** The project's folder. */
export const projectDirectory = ({ cwd }: AppOptions): string => resolve(cwd ?? process.cwd());

/** Where the runtime keeps what it writes for itself. Git and backups leave such a folder out. */
export const workDirectoryOf = (options: RuntimeOptions): string =>
  options.workDirectory ?? join(projectDirectory(options), 'node_modules', '.cache', 'local-runtime');

/**
 * The app, ready to be run.
 *
 * @throws SynthesisError or AssemblyError if there is none, UnsupportedTemplateError for what must be run and cannot
 */
export const assemble = async (options: RuntimeOptions, stops: Stops): Promise<Assembly> => {
  const assembly = readAssembly(await directoryOf(options, stops), options.stacks);
  const leftAside = leftAsideOf(assembly, options.strict ?? isMarkedStrict);
  checkSupport(assembly.template, leftAside);
  const ready = leftAside === undefined ? assembly : { ...assembly, leftAside };
  return options.isolated ? withNamesOfItsOwn(ready) : ready;
};

const directoryOf = async (options: RuntimeOptions, stops: Stops): Promise<string> => {
  const { app, assemblyDirectory, command, context } = options;
  const given = [app, assemblyDirectory, command].filter((each) => each !== undefined).length;
  if (given !== 1) throw new Error(`one of app, assemblyDirectory and command must be given, got ${given} of them`);
  if (app !== undefined) return synthesizeApp(app);
  if (assemblyDirectory !== undefined) return assemblyDirectory;
  const workDirectory = workDirectoryOf(options);
  const directory = join(workDirectory, `cdk.out-${process.pid}`);
  removeAbandonedAssemblies(workDirectory);
  stops.push(() => rmSync(directory, { recursive: true, force: true }));
  await synthesizeByCommand({ command: command ?? '', cwd: projectDirectory(options), context }, directory);
  return directory;
};

/** A runtime that was killed leaves its assembly behind. */
const removeAbandonedAssemblies = (workDirectory: string): void => {
  mkdirSync(workDirectory, { recursive: true });
  for (const name of readdirSync(workDirectory)) {
    const owner = /^cdk\.out-(\d+)$/.exec(name)?.[1];
    if (owner === undefined || isAlive(Number(owner))) continue;
    rmSync(join(workDirectory, name), { recursive: true, force: true });
  }
};

/** Undefined where everything must be run. */
const leftAsideOf = (
  { template, paths }: Assembly,
  strict: boolean | ((resource: TemplateResource) => boolean),
): LeftAside | undefined => {
  if (strict === true) return undefined;
  if (strict === false) return new LeftAside(template, () => false);
  return new LeftAside(template, (logicalId) => {
    const resource = template.Resources[logicalId];
    return resource !== undefined && strict({ ...resource, logicalId, path: paths?.get(logicalId) });
  });
};
