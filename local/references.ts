/** Resolves references and intrinsic functions of a template (AWS CloudFormation Template Reference, Intrinsic functions). */
import { REGION } from './account.ts';
import { UnsupportedTemplateError } from './template.ts';

type Intrinsic = (operand: unknown, references: References) => unknown;

/** What `Ref` and `Fn::GetAtt` of a resource give, filled in as the runtime creates the resources. */
export class References {
  readonly #values = new Map<string, string>();
  #placeholderOf: (logicalId: string, attribute: string | undefined) => string | undefined = () => undefined;

  set(logicalId: string, ref: string, attributes: Record<string, string> = {}): void {
    this.#values.set(logicalId, ref);
    for (const [name, value] of Object.entries(attributes)) this.#values.set(`${logicalId}.${name}`, value);
  }

  /**
   * What stands for a value that was not set, of a resource that is not made here.
   *
   * @param placeholderOf undefined for what must be there
   */
  usePlaceholders(placeholderOf: (logicalId: string, attribute: string | undefined) => string | undefined): void {
    this.#placeholderOf = placeholderOf;
  }

  /** The logical id of the resource that has this attribute value, an ARN for example. */
  ownerOf(value: string): string | undefined {
    for (const [key, candidate] of this.#values) if (candidate === value) return key.split('.')[0];
    return undefined;
  }

  /** The ARN of a resource: its attribute, or what `Ref` gives where that is one. */
  arnOf(logicalId: string): string {
    return this.#values.get(`${logicalId}.Arn`) ?? this.lookUp(logicalId);
  }

  /**
   * A value of the template with its intrinsic functions resolved.
   *
   * @throws UnsupportedTemplateError for a function that is not supported or a reference to what was not created
   */
  resolve(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.resolve(item));
    if (typeof value !== 'object' || value === null) return value;
    const [[name, operand] = ['', undefined], ...others] = Object.entries(value);
    const intrinsic = others.length === 0 ? INTRINSICS[name] : undefined;
    if (intrinsic) return intrinsic(operand, this);
    if (name.startsWith('Fn::')) throw new UnsupportedTemplateError([`intrinsic function ${name}`]);
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.resolve(item)]));
  }

  /**
   * @param reference a logical id, or one with an attribute behind a dot
   * @throws UnsupportedTemplateError if there is no such value
   */
  lookUp(reference: string): string {
    const known = this.#values.get(reference);
    if (known !== undefined) return known;
    const [logicalId = '', ...attribute] = reference.split('.');
    const placeholder = this.#placeholderOf(logicalId, attribute.length === 0 ? undefined : attribute.join('.'));
    if (placeholder === undefined) throw new UnsupportedTemplateError([`reference to ${reference}`]);
    // Whoever looks for its owner later must find it.
    this.#values.set(reference, placeholder);
    return placeholder;
  }
}

const listOf = (operand: unknown, references: References): unknown[] => {
  const list = references.resolve(operand);
  if (!Array.isArray(list)) throw new UnsupportedTemplateError([`a list is needed, got ${JSON.stringify(operand)}`]);
  return list;
};

/** The intrinsic functions that are resolved here. Conditions, parameters, mappings and imports are gone before. */
const INTRINSICS: Readonly<Record<string, Intrinsic>> = {
  Ref: (operand, references) => references.lookUp(String(operand)),
  'Fn::GetAtt': (operand, references) =>
    references.lookUp(typeof operand === 'string' ? operand : listOf(operand, references).join('.')),
  'Fn::Join': (operand, references) => {
    const [separator, parts] = operand as [string, unknown];
    return listOf(parts, references).join(separator);
  },
  'Fn::Sub': (operand, references) => {
    const [text, given] = (Array.isArray(operand) ? operand : [operand, {}]) as [string, Record<string, unknown>];
    return text.replace(/\$\{(!?)([^}]+)\}/g, (_, literal: string, name: string) => {
      if (literal) return `\${${name}}`;
      return Object.hasOwn(given, name) ? String(references.resolve(given[name])) : references.lookUp(name);
    });
  },
  'Fn::Select': (operand, references) => {
    const [index, list] = operand as [unknown, unknown];
    const place = Number(references.resolve(index));
    const selected = listOf(list, references)[place];
    if (selected === undefined) throw new UnsupportedTemplateError([`Fn::Select of ${place}: the list is shorter`]);
    return selected;
  },
  'Fn::Split': (operand, references) => {
    const [separator, text] = operand as [string, unknown];
    return String(references.resolve(text)).split(separator);
  },
  'Fn::Base64': (operand, references) => Buffer.from(String(references.resolve(operand))).toString('base64'),
  'Fn::GetAZs': () => ['a', 'b', 'c'].map((zone) => `${REGION}${zone}`),
};

/** Names of the intrinsic functions that are resolved when the runtime makes what the template describes. */
export const RESOLVED_FUNCTIONS: readonly string[] = Object.keys(INTRINSICS);
