/**
 * Requests to DynamoDB streams and SQS for what polls them all the time. It does of an SDK's client what is needed here, and
 * takes a fifth of its CPU: answers stay as they came, which is the form that Lambda hands to functions.
 */
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { signerFor } from './signature.ts';

/** What makes requests. */
export interface AwsCaller {
  /**
   * Makes a request, up to three times in all.
   *
   * @param operation such as ReceiveMessage
   * @throws AwsError with the service's own error, or the error of the network; AbortError if it was given up
   */
  call<Answer>(operation: string, input: object, signal?: AbortSignal): Promise<Answer>;
}

/** What a service refused. */
export class AwsError extends Error {
  /** As the service calls it, such as TrimmedDataAccessException. */
  override readonly name: string;
  readonly status: number;

  constructor(name: string, message: string, status: number) {
    super(message);
    this.name = name;
    this.status = status;
  }
}

export interface AwsClientSettings {
  readonly endpoint: string;
  /** What the service is called in signatures, and before the names of its operations. */
  readonly service: keyof typeof TARGETS;
}

/** Before an operation's name in the header that names it. */
const TARGETS = { sqs: 'AmazonSQS', dynamodb: 'DynamoDBStreams_20120810' } as const;

/**
 * How often is tried, how long is waited between, and what is tried again, as in the SDK's standard mode (AWS SDKs and Tools
 * Reference Guide, Retry behavior).
 */
const MAX_ATTEMPTS = 3;
const FIRST_PAUSE_MS = 100;
const FIRST_PAUSE_WHEN_THROTTLED_MS = 500;
const TRANSIENT_STATUS = new Set([500, 502, 503, 504]);
const THROTTLED_STATUS = 429;
const THROTTLED = new Set([
  'BandwidthLimitExceeded',
  'EC2ThrottledException',
  'LimitExceededException',
  'PriorRequestNotComplete',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'SlowDown',
  'ThrottledException',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
  'TransactionInProgressException',
]);
const TRANSIENT = new Set(['TimeoutError', 'RequestTimeout', 'RequestTimeoutException']);
const NETWORK = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
]);

const isThrottled = (error: unknown): boolean =>
  error instanceof AwsError && (error.status === THROTTLED_STATUS || THROTTLED.has(error.name));

const isWorthAnother = (error: unknown): boolean => {
  if (error instanceof AwsError) {
    return isThrottled(error) || TRANSIENT_STATUS.has(error.status) || TRANSIENT.has(error.name);
  }
  return NETWORK.has(String((error as NodeJS.ErrnoException).code));
};

export class AwsClient implements AwsCaller {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
  readonly #sign: ReturnType<typeof signerFor>;
  readonly #target: string;
  readonly #url: URL;

  constructor({ endpoint, service }: AwsClientSettings) {
    this.#url = new URL(endpoint);
    this.#target = TARGETS[service];
    this.#sign = signerFor({ service });
  }

  async call<Answer>(operation: string, input: object, signal?: AbortSignal): Promise<Answer> {
    const body = JSON.stringify(input);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return JSON.parse(await this.#attempt(operation, body, signal)) as Answer;
      } catch (error) {
        if (attempt === MAX_ATTEMPTS || signal?.aborted || !isWorthAnother(error)) throw error;
        const firstMs = isThrottled(error) ? FIRST_PAUSE_WHEN_THROTTLED_MS : FIRST_PAUSE_MS;
        await sleep(Math.random() * firstMs * 2 ** (attempt - 1), undefined, { signal });
      }
    }
  }

  /** Ends idle connections. */
  destroy(): void {
    this.#agent.destroy();
  }

  async #attempt(operation: string, body: string, signal: AbortSignal | undefined): Promise<string> {
    const { host, hostname, port, pathname: path } = this.#url;
    const headers = {
      host,
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': `${this.#target}.${operation}`,
    };
    const signature = this.#sign({ method: 'POST', path, headers, body }, Date.now());
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = httpRequest(
        {
          hostname,
          port,
          path,
          method: 'POST',
          agent: this.#agent,
          headers: { ...headers, ...signature, 'content-length': Buffer.byteLength(body) },
          ...(signal && { signal }),
        },
        resolve,
      );
      request.once('error', reject);
      request.end(body);
    });
    const text = await textOf(answer);
    if (answer.statusCode === 200) return text;
    throw errorOf(answer.statusCode ?? 0, text);
  }
}

const textOf = (answer: IncomingMessage): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = '';
    answer.setEncoding('utf8');
    answer.on('data', (chunk: string) => {
      text += chunk;
    });
    answer.once('end', () => resolve(text));
    answer.once('error', reject);
  });

/** Services name the error behind a `#`. */
const errorOf = (status: number, text: string): AwsError => {
  try {
    const { __type, message, Message } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    const name = String(__type ?? 'UnknownError').replace(/^.*#/, '');
    return new AwsError(name, String(message ?? Message ?? text), status);
  } catch {
    return new AwsError('UnknownError', `answered with ${status}: ${text.slice(0, 200)}`, status);
  }
};
