/**
 * Filter patterns of event source mappings (AWS Lambda Developer Guide, "Filter rule syntax"): each leaf of a pattern is
 * a list of rules, of which one must hold; all fields must hold.
 */

/** Thrown at start-up for a rule that this implementation does not know. */
export class UnsupportedFilterError extends Error {
  override readonly name = 'UnsupportedFilterError';
}

type Rule = (value: unknown) => boolean;
type Matcher = (event: unknown) => boolean;

/**
 * Compiles a mapping's filter criteria.
 *
 * @param patterns the JSON text of each filter; an event passes if any of them matches, or if there is none
 * @throws UnsupportedFilterError for a rule that is not known
 */
export const compileFilters = (patterns: readonly string[]): Matcher => {
  const matchers = patterns.map((pattern) => compilePattern(JSON.parse(pattern)));
  return (event) => matchers.length === 0 || matchers.some((matches) => matches(event));
};

const compilePattern = (pattern: unknown): Matcher => {
  if (!isObject(pattern)) throw new UnsupportedFilterError(`a filter pattern must be an object, got ${text(pattern)}`);
  const fields = Object.entries(pattern).map(([name, rule]): Matcher => {
    if (name === '$or') {
      if (!Array.isArray(rule)) throw new UnsupportedFilterError(`$or must be a list of patterns, got ${text(rule)}`);
      const alternatives = rule.map(compilePattern);
      return (event) => alternatives.some((matches) => matches(event));
    }
    const matches = Array.isArray(rule) ? anyOf(rule.map(compileRule)) : compilePattern(rule);
    return (event) => matches(isObject(event) ? event[name] : undefined);
  });
  return (event) => fields.every((matches) => matches(event));
};

/** A field that is a list matches if one of its items does. */
const anyOf =
  (rules: readonly Rule[]): Matcher =>
  (value) =>
    rules.some((rule) => (Array.isArray(value) ? value.some(rule) : rule(value)));

const compileRule = (rule: unknown): Rule => {
  if (!isObject(rule)) return (value) => value === rule;
  const [kind, operand] = Object.entries(rule)[0] ?? [];
  switch (kind) {
    case 'prefix':
      return (value) => typeof value === 'string' && value.startsWith(String(operand));
    case 'suffix':
      return (value) => typeof value === 'string' && value.endsWith(String(operand));
    case 'equals-ignore-case':
      return (value) => typeof value === 'string' && value.toLowerCase() === String(operand).toLowerCase();
    case 'exists':
      return (value) => (value !== undefined) === operand;
    case 'anything-but': {
      const excluded = (Array.isArray(operand) ? operand : [operand]).map(compileRule);
      return (value) => value !== undefined && !excluded.some((matches) => matches(value));
    }
    case 'numeric':
      return compileNumeric(operand);
    default:
      throw new UnsupportedFilterError(`filter rule ${text(rule)} is not supported`);
  }
};

const COMPARISONS: Record<string, (value: number, operand: number) => boolean> = {
  '=': (value, operand) => value === operand,
  '<': (value, operand) => value < operand,
  '<=': (value, operand) => value <= operand,
  '>': (value, operand) => value > operand,
  '>=': (value, operand) => value >= operand,
};

const compileNumeric = (operand: unknown): Rule => {
  if (!Array.isArray(operand)) throw new UnsupportedFilterError(`numeric must be a list, got ${text(operand)}`);
  const tests: ((value: number) => boolean)[] = [];
  for (let index = 0; index < operand.length; index += 2) {
    const compare = COMPARISONS[String(operand[index])];
    const bound = operand[index + 1];
    if (!compare || typeof bound !== 'number')
      throw new UnsupportedFilterError(`numeric rule ${text(operand)} is not supported`);
    tests.push((value) => compare(value, bound));
  }
  return (value) => typeof value === 'number' && tests.every((test) => test(value));
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const text = (value: unknown): string => JSON.stringify(value) ?? 'nothing';
