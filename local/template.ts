/** A CloudFormation template as the local runtime works on it, and the error for what it does not support. */

export interface Resource {
  readonly Type: string;
  readonly Properties?: Record<string, unknown>;
  readonly Metadata?: Record<string, unknown>;
}

export interface Template {
  readonly Resources: Record<string, Resource>;
  readonly Outputs?: Record<string, { readonly Value: unknown }>;
}

/** Thrown at start-up when the template holds what the local runtime does not support. Names each place. */
export class UnsupportedTemplateError extends Error {
  override readonly name = 'UnsupportedTemplateError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      `the local runtime does not support what the template says:\n${problems.map((each) => `  - ${each}`).join('\n')}`,
    );
    this.problems = problems;
  }
}

/** All resources of a type, with their logical ids. */
export const resourcesOf = (
  template: Template,
  type: string,
): [logicalId: string, properties: Record<string, unknown>][] =>
  Object.entries(template.Resources)
    .filter(([, resource]) => resource.Type === type)
    .map(([logicalId, { Properties = {} }]) => [logicalId, Properties]);

/** The types of tables: one of a single region, and one that may have copies in others. */
export const TABLE_TYPES: readonly string[] = ['AWS::DynamoDB::Table', 'AWS::DynamoDB::GlobalTable'];

/** All tables, of either type. */
export const tablesOf = (template: Template): ReturnType<typeof resourcesOf> =>
  TABLE_TYPES.flatMap((type) => resourcesOf(template, type));
