/**
 * The one place that decides which errors are permanent: those that meet the same item, message or request again however
 * often it is tried. They are never retried and never fail a batch; what they befell is logged, counted and put into a
 * dead-letter queue. Everything else (throttling, time-outs, connections, 5xx, a permission or a table that is missing) may
 * go away, and is tried again.
 */

/**
 * Names under which AWS refuses what one item, message or event holds (Amazon DynamoDB API Reference, Common Errors and
 * BatchStatementError; Amazon SQS API Reference, SendMessage; Amazon EventBridge API Reference, PutEventsResultEntry).
 * `SenderFault` and HTTP 400 would not do: a missing permission and a throttled request have them too.
 */
const PERMANENT_NAMES: ReadonlySet<string> = new Set([
  'ValidationException',
  'ValidationError',
  'SerializationException',
  'ItemCollectionSizeLimitExceededException',
  'ItemCollectionSizeLimitExceeded',
  'InvalidMessageContents',
  'InvalidAttributeValue',
  'InvalidParameterValue',
  'InvalidParameterValueException',
  'MessageTooLong',
  'InvalidArgument',
  'MalformedDetail',
]);

/** Thrown or returned by our own code for what can never be processed. */
export class UnprocessableError extends Error {
  override readonly name = 'UnprocessableError';
}

/** An error that a service gave for one entry of a batch, under the name that it gave it. */
export class ServiceEntryError extends Error {
  constructor(code: string, message: string | undefined) {
    super(message ? `${code}: ${message}` : code);
    this.name = code;
  }
}

/** Whether trying again can never help. */
export const isPermanent = (error: unknown): boolean => {
  if (!(error instanceof Error)) return false;
  // SQS names some of its errors AWS.SimpleQueueService.….
  if (error instanceof UnprocessableError || PERMANENT_NAMES.has(error.name.split('.').at(-1) ?? '')) return true;
  // Our own code, or the SDK's on its way to the request, tripped over a value: it will trip again. With an answer of the
  // service in it, the error is about the answer.
  const hasAnswer = '$metadata' in error || '$response' in error || 'code' in error;
  return !hasAnswer && (error instanceof TypeError || error instanceof RangeError);
};
