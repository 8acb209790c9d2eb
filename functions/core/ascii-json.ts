/**
 * JSON in ASCII only. An id may hold any character that DynamoDB takes, and SQS refuses some of them in a message's body
 * (U+FFFE and U+FFFF; Amazon SQS API Reference, SendMessage): escaped, all of them pass, and readers see no difference.
 */
export const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
