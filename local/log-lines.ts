/** Turns the Lambdas' JSON log lines into lines for people. */

/** The name of a Lambda as people and files have it: `expire-booking`. */
export const lambdaName = (logicalId: string): string =>
  logicalId
    .replace(/Function$/, '')
    .replace(/(?!^)([A-Z])/g, '-$1')
    .toLowerCase();

/**
 * One line for the terminal: time, Lambda, level unless it is INFO, message and data.
 *
 * @returns undefined for a line of metrics, which is for CloudWatch
 */
export const readableLogLine = (logicalId: string, line: string): string | undefined => {
  const name = lambdaName(logicalId);
  let entry: Record<string, unknown>;
  try {
    entry = JSON.parse(line);
  } catch {
    return `${''.padEnd(12)} ${name.padEnd(16)} ${line}`;
  }
  if ('_aws' in entry) return undefined;
  const { level, message, timestamp, service: _service, sampling_rate: _rate, function: _function, ...data } = entry;
  const time = String(timestamp ?? '')
    .slice(11, 23)
    .padEnd(12);
  const urgency = level === 'INFO' ? '' : `${level} `;
  const rest = Object.keys(data).length > 0 ? ` ${JSON.stringify(data)}` : '';
  return `${time} ${name.padEnd(16)} ${urgency}${message}${rest}`;
};
