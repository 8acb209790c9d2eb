/** Reads a cloud assembly, which is what the synthesis of a CDK app leaves in a folder: its stacks and their bundles. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { LeftAside } from './left-aside.ts';
import { linkStacks, qualifiedId, type StackTemplate } from './link-stacks.ts';
import { type Template, UnsupportedTemplateError } from './template.ts';

/** A synthesized app: the one template that its stacks were linked to, and where its bundles lie. */
export interface Assembly {
  readonly directory: string;
  /** Empty for several stacks: then it stands in the logical ids. */
  readonly stackName: string;
  readonly template: Template;
  /** Folders and files of assets by the key under which they would be uploaded. @default - named after the key */
  readonly assets?: ReadonlyMap<string, string>;
  /** Paths of constructs by the logical ids of their resources. @default - not known */
  readonly paths?: ReadonlyMap<string, string>;
  /** Notes what is not run. @default - everything must be supported */
  readonly leftAside?: LeftAside;
}

/** Thrown when a folder does not hold what is asked for. */
export class AssemblyError extends Error {
  override readonly name = 'AssemblyError';
}

interface Artifact {
  readonly type: string;
  readonly displayName?: string;
  readonly dependencies?: readonly string[];
  readonly metadata?: ArtifactMetadata;
  readonly additionalMetadataFile?: string;
  readonly properties?: {
    readonly templateFile?: string;
    readonly stackName?: string;
    readonly directoryName?: string;
    readonly file?: string;
  };
}

type ArtifactMetadata = Readonly<Record<string, readonly { readonly type: string; readonly data?: unknown }[]>>;

/** A stack of the assembly, and the folder of its stage. */
interface FoundStack {
  readonly id: string;
  readonly directory: string;
  readonly name: string;
  readonly displayName: string;
  readonly artifact: Artifact;
}

/**
 * Reads an app that was synthesized into a folder: all its stacks, those of its stages among them.
 *
 * @param selection names of stacks, which may hold `*`; the stacks that they depend on come with them. @default - all
 * @throws AssemblyError if the folder holds no app, or not the stacks that are asked for
 */
export const readAssembly = (directory: string, selection?: readonly string[]): Assembly => {
  const assets = new Map<string, string>();
  const all = stacksIn(directory, assets);
  const stacks = selection === undefined || selection.length === 0 ? all : selected(all, selection);
  if (stacks.length === 0) throw new AssemblyError(`${directory} holds no stack`);
  const twice = stacks.find(({ name }, index) => stacks.findIndex((other) => other.name === name) !== index);
  if (twice !== undefined) {
    throw new AssemblyError(`two stacks are named ${twice.name}: choose one of ${namesOf(stacks)}`);
  }
  const isOne = stacks.length === 1;
  const template = linkStacks(
    stacks.map(({ name, directory: folder, artifact }) => ({
      name,
      template: readJson<StackTemplate>(join(folder, artifact.properties?.templateFile ?? '')),
    })),
  );
  const paths = new Map(
    stacks.flatMap(({ name, ...stack }) =>
      pathsIn(stack).map(([logicalId, path]) => [qualifiedId(name, logicalId, isOne), path] as const),
    ),
  );
  return { directory: resolve(directory), stackName: isOne ? (stacks[0]?.name ?? '') : '', template, assets, paths };
};

/** The same app under another stack's name: its tables and queues meet nobody else's on the same engine. */
export const withNamesOfItsOwn = (assembly: Assembly): Assembly => ({
  ...assembly,
  stackName: [assembly.stackName, randomBytes(4).toString('hex')].filter(Boolean).join('-'),
});

/** Physical names as CloudFormation makes them, less its random part. */
export const physicalName = ({ stackName }: Assembly, logicalId: string, given: unknown): string =>
  typeof given === 'string' ? given : [stackName, logicalId].filter(Boolean).join('-');

/**
 * The folder of a function's bundle.
 *
 * @throws UnsupportedTemplateError if the code is no folder of the assembly
 */
export const bundleDirectory = ({ directory, assets }: Assembly, logicalId: string, code: unknown): string => {
  const s3Key = (code as { S3Key?: unknown } | undefined)?.S3Key;
  const refuse = (why: string) =>
    new UnsupportedTemplateError([`code of ${logicalId}: ${JSON.stringify(code)} is ${why}`]);
  if (typeof s3Key !== 'string') throw refuse('no bundle');
  // CDK names it after the hash in the key.
  const bundle = assets?.get(s3Key) ?? join(directory, `asset.${s3Key.replace(/\.zip$/, '')}`);
  if (!existsSync(bundle)) throw refuse('no bundle');
  if (bundle.endsWith('.zip')) throw refuse('a zip file: give the folder, or let CDK bundle it');
  return bundle;
};

/** Whether a folder is what an app was synthesized into. */
export const isAssembly = (directory: string): boolean => existsSync(join(directory, 'manifest.json'));

const readJson = <T>(file: string): T => {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch (error) {
    throw new AssemblyError(`cannot read ${file}: ${error instanceof Error ? error.message : error}`);
  }
};

/** Every stack below a folder; notes the assets on the way. */
const stacksIn = (directory: string, assets: Map<string, string>): FoundStack[] => {
  const manifest = join(directory, 'manifest.json');
  if (!isAssembly(directory)) {
    throw new AssemblyError(`${directory} must be what a CDK app was synthesized into: it holds no manifest.json`);
  }
  const { artifacts = {} } = readJson<{ artifacts?: Record<string, Artifact> }>(manifest);
  return Object.entries(artifacts).flatMap(([id, artifact]) => {
    const { type, properties = {}, displayName = id } = artifact;
    if (type === 'cdk:cloud-assembly') return stacksIn(join(directory, properties.directoryName ?? id), assets);
    if (type === 'cdk:asset-manifest') noteAssets(directory, properties.file ?? '', assets);
    if (type !== 'aws:cloudformation:stack') return [];
    return [{ id, directory, name: properties.stackName ?? id, displayName, artifact }];
  });
};

interface AssetManifest {
  readonly files?: Record<
    string,
    {
      readonly source?: { readonly path?: string };
      readonly destinations?: Record<string, { readonly objectKey?: string }>;
    }
  >;
}

const noteAssets = (directory: string, file: string, assets: Map<string, string>): void => {
  for (const { source, destinations = {} } of Object.values(
    readJson<AssetManifest>(join(directory, file)).files ?? {},
  )) {
    if (source?.path === undefined) continue;
    for (const { objectKey } of Object.values(destinations)) {
      if (objectKey !== undefined) assets.set(objectKey, resolve(directory, source.path));
    }
  }
};

const escaped = (text: string): string => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');

const namesOf = (stacks: readonly FoundStack[]): string => stacks.map(({ displayName }) => displayName).join(', ');

const selected = (all: readonly FoundStack[], selection: readonly string[]): FoundStack[] => {
  const chosen = new Set<FoundStack>();
  const choose = (stack: FoundStack): void => {
    if (chosen.has(stack)) return;
    chosen.add(stack);
    for (const id of stack.artifact.dependencies ?? []) {
      const needed = all.find((other) => other.id === id && other.directory === stack.directory);
      if (needed) choose(needed);
    }
  };
  for (const wanted of selection) {
    const pattern = new RegExp(`^${wanted.split('*').map(escaped).join('.*')}$`);
    const found = all.filter(({ name, displayName }) => pattern.test(name) || pattern.test(displayName));
    if (found.length === 0) throw new AssemblyError(`the stack must be one of ${namesOf(all)}, got ${wanted}`);
    for (const stack of found) choose(stack);
  }
  return all.filter((stack) => chosen.has(stack));
};

/** Logical ids with the paths of their constructs. */
const pathsIn = ({ artifact, directory }: Pick<FoundStack, 'artifact' | 'directory'>): [string, string][] => {
  const { metadata = {}, additionalMetadataFile } = artifact;
  const more =
    additionalMetadataFile === undefined ? {} : readJson<ArtifactMetadata>(join(directory, additionalMetadataFile));
  return Object.entries({ ...metadata, ...more }).flatMap(([path, entries]) =>
    entries
      .filter(({ type }) => type === 'aws:cdk:logicalId')
      .map(({ data }): [string, string] => [String(data), path.replace(/^\//, '')]),
  );
};
