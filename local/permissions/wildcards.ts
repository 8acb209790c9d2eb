/** How the patterns of policies match: `*` for any text, `?` for one character. */

const ESCAPED = /[\\^$.|()[\]{}+/]/g;

/** A pattern as an expression. `any` and `one` say what its wildcards stand for. */
const expressionOf = (pattern: string, any: (last: boolean) => string, one: string): string =>
  pattern.replace(/[*?]|[^*?]+/g, (part, offset: number) => {
    if (part === '?') return one;
    if (part !== '*') return part.replace(ESCAPED, '\\$&');
    const next = pattern[offset + 1];
    return any(next === undefined || next === ':');
  });

const isMatch = (expression: string, text: string, flags = ''): boolean =>
  new RegExp(`^(?:${expression})$`, `su${flags}`).test(text);

/** Whether an action fits: neither the service's prefix nor the action's name minds upper and lower case. */
export const matchesAction = (pattern: string, action: string): boolean =>
  isMatch(
    expressionOf(pattern, () => '.*', '.'),
    action,
    'i',
  );

/** Whether a text fits, as for the condition operator StringLike. */
export const matchesText = (pattern: string, text: string): boolean =>
  isMatch(
    expressionOf(pattern, () => '.*', '.'),
    text,
  );

/**
 * Whether a resource's ARN fits. A wildcard stays within its segment between two colons, unless it is a `*` at the
 * segment's end (AWS Identity and Access Management User Guide, IAM JSON policy elements: Resource).
 */
export const matchesResource = (pattern: string, arn: string): boolean =>
  isMatch(
    expressionOf(pattern, (last) => (last ? '.*' : '[^:]*'), '[^:]'),
    arn,
  );

/** Parts of an ARN that ArnEquals and ArnLike compare one by one; the last may hold colons itself. */
const ARN_PARTS = 6;

const partsOf = (arn: string): string[] => {
  const parts = arn.split(':');
  return [...parts.slice(0, ARN_PARTS - 1), parts.slice(ARN_PARTS - 1).join(':')];
};

/**
 * Whether an ARN fits part by part, as for the condition operators ArnEquals and ArnLike, which are the same (AWS Identity
 * and Access Management User Guide, IAM JSON policy elements: Condition operators).
 */
export const matchesArn = (pattern: string, arn: string): boolean => {
  const [patterns, parts] = [partsOf(pattern), partsOf(arn)];
  return patterns.length === parts.length && patterns.every((each, index) => matchesText(each, parts[index] ?? ''));
};
