/**
 * Makes one template of the templates of several stacks, as a linker does: conditions are decided, parameters and mappings
 * filled in, imports replaced by what is exported, and logical ids told apart. What is left are references to resources,
 * which are known only when the resources are there, and functions of such.
 */
import { LOCAL_ACCOUNT_ID, localArn, REGION } from './account.ts';
import { References } from './references.ts';
import { type Resource, type Template, UnsupportedTemplateError } from './template.ts';

/** A stack's template as it was synthesized. */
export interface StackTemplate {
  readonly Resources?: Record<string, Resource & { readonly Condition?: string }>;
  readonly Outputs?: Record<
    string,
    { readonly Value: unknown; readonly Export?: { readonly Name: unknown }; readonly Condition?: string }
  >;
  readonly Parameters?: Record<string, { readonly Type?: string; readonly Default?: unknown }>;
  readonly Mappings?: Record<string, Record<string, Record<string, unknown>>>;
  readonly Conditions?: Record<string, unknown>;
}

export interface Stack {
  readonly name: string;
  readonly template: StackTemplate;
}

/** In place of what a template leaves out: `AWS::NoValue`. */
const NO_VALUE = Symbol('AWS::NoValue');

/** The functions that are gone when templates have been linked. */
export const LINKED_FUNCTIONS: readonly string[] = ['Fn::If', 'Fn::FindInMap', 'Fn::ImportValue', 'Fn::Sub'];

/**
 * One template of several. Where there is more than one, a logical id becomes `Stack-LogicalId` and an output
 * `Stack.Output`; an output whose name only one stack has is there by its plain name too.
 *
 * @throws UnsupportedTemplateError for a condition, a parameter or a mapping that cannot be filled in
 */
export const linkStacks = (stacks: readonly Stack[]): Template => {
  const isOne = stacks.length === 1;
  const exported = new Map<string, () => unknown>();
  const linkers = stacks.map((stack) => new StackLinker(stack, isOne, exported));
  // Values first: what imports them may come before what exports them.
  for (const linker of linkers) linker.noteExports();
  const outputs = linkers.map((linker) => linker.outputs());
  const timesNamed = (name: string) => outputs.filter((each) => name in each).length;
  return {
    Resources: Object.assign({}, ...linkers.map((linker) => linker.resources())),
    Outputs: Object.fromEntries(
      outputs.flatMap((ofStack, index) =>
        Object.entries(ofStack).flatMap(([name, output]) => {
          const qualified = isOne ? [] : [[`${stacks[index]?.name}.${name}`, output]];
          return timesNamed(name) === 1 ? [[name, output], ...qualified] : qualified;
        }),
      ),
    ),
  };
};

/** The logical id of a resource among those of several stacks. A logical id of CloudFormation holds no hyphen. */
export const qualifiedId = (stackName: string, logicalId: string, isOnlyStack: boolean): string =>
  isOnlyStack ? logicalId : `${stackName}-${logicalId}`;

class StackLinker {
  readonly #stack: Stack;
  readonly #isOne: boolean;
  readonly #exported: Map<string, () => unknown>;
  /** Knows the pseudo parameters only: enough for conditions, keys of mappings and names of exports. */
  readonly #early = new References();

  constructor(stack: Stack, isOne: boolean, exported: Map<string, () => unknown>) {
    this.#stack = stack;
    this.#isOne = isOne;
    this.#exported = exported;
    setPseudoParameters(this.#early, stack.name);
  }

  noteExports(): void {
    for (const { Value, Export, Condition } of Object.values(this.#stack.template.Outputs ?? {})) {
      if (Export === undefined || !this.#holds(Condition)) continue;
      // Linked when somebody imports it: it may import itself.
      const link = (): unknown => this.#link(Value);
      this.#exported.set(String(this.#decided(Export.Name)), link);
    }
  }

  resources(): Record<string, Resource> {
    const { Resources = {} } = this.#stack.template;
    return Object.fromEntries(
      Object.entries(Resources)
        .filter(([, { Condition }]) => this.#holds(Condition))
        .map(([logicalId, { Type, Properties = {}, Metadata }]) => [
          this.#qualified(logicalId),
          { Type, Properties: this.#link(Properties) as Record<string, unknown>, ...(Metadata && { Metadata }) },
        ]),
    );
  }

  outputs(): Record<string, { readonly Value: unknown }> {
    return Object.fromEntries(
      Object.entries(this.#stack.template.Outputs ?? {})
        .filter(([, { Condition }]) => this.#holds(Condition))
        .map(([name, { Value }]) => [name, { Value: this.#link(Value) }]),
    );
  }

  #qualified(logicalId: string): string {
    return qualifiedId(this.#stack.name, logicalId, this.#isOne);
  }

  #link(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.#link(item)).filter((item) => item !== NO_VALUE);
    if (typeof value !== 'object' || value === null) return value;
    const [[name, operand] = ['', undefined], ...others] = Object.entries(value);
    if (others.length === 0) {
      const linked = this.#linkFunction(name, operand);
      if (linked !== undefined) return linked.value;
    }
    return Object.fromEntries(
      Object.entries(value)
        .map(([key, item]) => [key, this.#link(item)] as const)
        .filter(([, item]) => item !== NO_VALUE),
    );
  }

  #linkFunction(name: string, operand: unknown): { readonly value: unknown } | undefined {
    switch (name) {
      case 'Ref':
        return { value: this.#ref(String(operand)) };
      case 'Fn::GetAtt': {
        const [logicalId = '', ...attribute] = (typeof operand === 'string' ? operand.split('.') : operand) as string[];
        return { value: { 'Fn::GetAtt': [this.#qualified(logicalId), ...attribute.map((each) => this.#link(each))] } };
      }
      case 'Fn::Sub':
        return { value: this.#sub(operand) };
      case 'Fn::If': {
        const [condition, ifTrue, ifFalse] = operand as [string, unknown, unknown];
        return { value: this.#link(this.#holds(condition) ? ifTrue : ifFalse) };
      }
      case 'Fn::FindInMap':
        return { value: this.#findInMap(operand as unknown[]) };
      case 'Fn::ImportValue': {
        const link = this.#exported.get(String(this.#decided(operand)));
        // Of a stack that is not here. It is an error where it is used.
        return { value: link === undefined ? { [name]: operand } : link() };
      }
      default:
        return undefined;
    }
  }

  #ref(name: string): unknown {
    if (name === 'AWS::NoValue') return NO_VALUE;
    if (name === 'AWS::NotificationARNs') return [];
    // Of one stack it is known later: the stack may be given a name of its own.
    if ((name === 'AWS::StackName' || name === 'AWS::StackId') && !this.#isOne) return this.#early.lookUp(name);
    if (name.startsWith('AWS::')) return { Ref: name };
    const { Parameters = {}, Resources = {} } = this.#stack.template;
    if (name in Resources || !(name in Parameters)) return { Ref: this.#qualified(name) };
    return this.#parameter(name);
  }

  #parameter(name: string): unknown {
    const { Type = 'String', Default } = this.#stack.template.Parameters?.[name] ?? {};
    if (Default === undefined) {
      throw new UnsupportedTemplateError([
        `parameter ${name} of stack ${this.#stack.name}: it must have a default, which is what it is here`,
      ]);
    }
    // The parameter store is not here: a parameter of it has its own name as its value.
    return /^(List<|CommaDelimitedList)/.test(Type) ? String(Default).split(/\s*,\s*/) : String(Default);
  }

  #sub(operand: unknown): unknown {
    const [text, given] = (Array.isArray(operand) ? operand : [operand, {}]) as [string, Record<string, unknown>];
    const parts = text.split(/(\$\{[^}]+\})/).map((part) => {
      const name = /^\$\{(.+)\}$/.exec(part)?.[1];
      if (name === undefined) return part;
      if (name.startsWith('!')) return `\${${name.slice(1)}}`;
      if (Object.hasOwn(given, name)) return this.#link(given[name]);
      return this.#link(name.includes('.') ? { 'Fn::GetAtt': name } : { Ref: name });
    });
    return { 'Fn::Join': ['', parts.filter((part) => part !== '')] };
  }

  #findInMap([mapName, topKey, secondKey, options]: unknown[]): unknown {
    const [map, top, second] = [mapName, topKey, secondKey].map((key) => String(this.#decided(key)));
    const found = this.#stack.template.Mappings?.[map ?? '']?.[top ?? '']?.[second ?? ''];
    const fallback = (options as { DefaultValue?: unknown } | undefined)?.DefaultValue;
    if (found === undefined && fallback === undefined) {
      throw new UnsupportedTemplateError([`mapping ${map} of stack ${this.#stack.name} has no ${top}.${second}`]);
    }
    return this.#link(found ?? fallback);
  }

  #holds(condition: string | undefined): boolean {
    if (condition === undefined) return true;
    const { Conditions = {} } = this.#stack.template;
    if (!(condition in Conditions)) {
      throw new UnsupportedTemplateError([`condition ${condition} of stack ${this.#stack.name} is not there`]);
    }
    return this.#isTrue(Conditions[condition]);
  }

  #isTrue(condition: unknown): boolean {
    const [[name, operand] = ['', undefined]] = Object.entries((condition ?? {}) as object);
    const operands = Array.isArray(operand) ? operand : [operand];
    switch (name) {
      case 'Fn::Equals':
        return this.#decided(operands[0]) === this.#decided(operands[1]);
      case 'Fn::And':
        return operands.every((each) => this.#isTrue(each));
      case 'Fn::Or':
        return operands.some((each) => this.#isTrue(each));
      case 'Fn::Not':
        return !this.#isTrue(operands[0]);
      case 'Condition':
        return this.#holds(String(operand));
      default:
        throw new UnsupportedTemplateError([
          `condition ${JSON.stringify(condition)}: it must be Fn::Equals, Fn::And, Fn::Or, Fn::Not or Condition`,
        ]);
    }
  }

  /** A value that must be known before any resource is there. */
  #decided(value: unknown): unknown {
    return this.#early.resolve(this.#link(value));
  }
}

/** Notes the pseudo parameters of a stack. */
export const setPseudoParameters = (references: References, stackName: string): void => {
  references.set('AWS::Region', REGION);
  references.set('AWS::Partition', 'aws');
  references.set('AWS::AccountId', LOCAL_ACCOUNT_ID);
  references.set('AWS::URLSuffix', 'amazonaws.com');
  references.set('AWS::StackName', stackName);
  references.set('AWS::StackId', localArn('cloudformation', `stack/${stackName}/local`));
};
