/** Where the code of a Lambda lies: in its bundle, or in the template itself. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Assembly, bundleDirectory } from './assembly.ts';
import { UnsupportedTemplateError } from './template.ts';

/** The file that holds a Lambda's handler, and the handler's name in it. */
export interface LambdaCode {
  readonly file: string;
  readonly handlerName: string;
}

/** The languages that run here: those of this process. */
const NODE_RUNTIME = /^nodejs(\d+)\.x$/;
/** What Node takes for code, in the order in which Lambda looks for it. */
const ENDINGS = ['.js', '.mjs', '.cjs'];

/** The version of Node that a runtime of Lambda has; undefined for another language. */
export const nodeVersionOf = (runtime: unknown): number | undefined => {
  const version = NODE_RUNTIME.exec(String(runtime))?.[1];
  return version === undefined ? undefined : Number(version);
};

/**
 * Finds a Lambda's code.
 *
 * @param inlineDirectory where code that stands in the template is written to
 * @throws UnsupportedTemplateError for code in another language than Node's, or in a container image
 */
export const codeOf = (
  assembly: Assembly,
  logicalId: string,
  { Code, Handler, Runtime, PackageType }: Record<string, unknown>,
  inlineDirectory: string,
): LambdaCode => {
  if (PackageType === 'Image')
    throw new UnsupportedTemplateError([`code of ${logicalId}: a container image is not run`]);
  if (nodeVersionOf(Runtime) === undefined) {
    throw new UnsupportedTemplateError([`runtime of ${logicalId}: it must be one of Node, got ${Runtime}`]);
  }
  const handler = String(Handler);
  const dot = handler.lastIndexOf('.');
  const [path, handlerName] = [handler.slice(0, dot), handler.slice(dot + 1)];
  const inline = (Code as { ZipFile?: unknown } | undefined)?.ZipFile;
  if (typeof inline === 'string') {
    const directory = join(inlineDirectory, logicalId);
    mkdirSync(directory, { recursive: true });
    const file = join(directory, 'index.js');
    writeFileSync(file, inline);
    return { file, handlerName };
  }
  const bundle = bundleDirectory(assembly, logicalId, Code);
  const file = ENDINGS.map((ending) => join(bundle, `${path}${ending}`)).find(existsSync);
  if (file === undefined) throw new UnsupportedTemplateError([`handler of ${logicalId}: no ${path}.js in its code`]);
  return { file, handlerName };
};
