/** Turns the Lambdas' JSON log lines into lines for people. */

/** The name of a Lambda as people and files have it: `write-sale`. */
export const lambdaName = (logicalId: string): string =>
  logicalId
    .replace(/Function$/, '')
    .replace(/(?!^)([A-Z])/g, '-$1')
    .toLowerCase();

/** @param time ISO 8601; empty where it is not known */
export const terminalLine = (time: string, who: string, text: string): string =>
  `${time.slice(11, 23).padEnd(12)} ${who.padEnd(16)} ${text}`;

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
    return terminalLine('', name, line);
  }
  if ('_aws' in entry) return undefined;
  const { level, message, timestamp, service: _service, sampling_rate: _rate, function: _function, ...data } = entry;
  const urgency = level === 'INFO' ? '' : `${level} `;
  const rest = Object.keys(data).length > 0 ? ` ${JSON.stringify(data)}` : '';
  return terminalLine(String(timestamp ?? ''), name, `${urgency}${message}${rest}`);
};
