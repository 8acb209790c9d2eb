/** Which addresses webhooks may be sent to: checked when the app is synthesized, and again when the Lambda starts. */

/** Names of this machine: only here may a webhook go without TLS. */
const LOOPBACK_HOSTS: readonly string[] = ['127.0.0.1', 'localhost', '[::1]'];
/** Longer ones are mistakes, and would take the room of the Lambda's other settings. */
const MAX_LENGTH = 1_000;

/** What is wrong with an address, as what it must be; undefined if nothing is. */
export const webhookUrlProblem = (given: unknown): string | undefined => {
  if (typeof given !== 'string' || !URL.canParse(given)) return 'be an https URL';
  const { protocol, hostname, username, password, hash } = new URL(given);
  const isPlain = protocol === 'http:' && LOOPBACK_HOSTS.includes(hostname);
  if (protocol !== 'https:' && !isPlain) return `be an https URL, or an http URL on ${LOOPBACK_HOSTS.join(', ')}`;
  if (username !== '' || password !== '') return 'be a URL without a user or a password, which would be in every log';
  if (hash !== '') return 'be a URL without #, as what follows it is never sent';
  if (given.length > MAX_LENGTH) return `be at most ${MAX_LENGTH} characters`;
  return undefined;
};
