/** Posts webhooks to the customer's application: the only file that calls anything but AWS. */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from 'node:https';
import { Webhook as Signer } from 'standardwebhooks';
import type { Clock } from '../core/ports.ts';
import { ANSWER_WITHIN_MS, type TryOutcome, type Webhook } from '../core/webhook.ts';

/** Most bytes of an answer's body that are read past, so that its connection can be used again. Nobody needs them. */
const MAX_READ_BYTES = 64 * 1024;
/** A body that takes longer than this, ms, is not waited for: its connection is given up. */
const READ_WITHIN_MS = 1_000;
/** Connections to the application that are kept open between two webhooks, by each execution environment. */
const KEPT_CONNECTIONS = 10;

export interface WebhookPostOptions {
  readonly url: string;
  /** The secrets that sign now, in the form that receivers use, the current one first. */
  readonly secrets: () => Promise<readonly string[]>;
  readonly clock: Clock;
  /** How long the application has to answer, ms. @default ANSWER_WITHIN_MS */
  readonly answerWithinMs?: number;
  /** Certificates to trust instead of the usual ones, as PEM: for tests. @default - those that Node.js trusts */
  readonly ca?: string;
}

/**
 * Posts webhooks to one address. Redirects are not followed: `node:http` never does. Proxies are not used.
 */
export class WebhookPost {
  readonly #options: WebhookPostOptions;
  readonly #agent: HttpAgent;
  readonly #send: (url: URL, options: RequestOptions) => ReturnType<typeof httpRequest>;
  readonly #url: URL;

  constructor(options: WebhookPostOptions) {
    this.#options = options;
    this.#url = new URL(options.url);
    const isPlain = this.#url.protocol === 'http:';
    const kept = { keepAlive: true, maxFreeSockets: KEPT_CONNECTIONS };
    this.#agent = isPlain ? new HttpAgent(kept) : new HttpsAgent({ ...kept, ...(options.ca && { ca: options.ca }) });
    this.#send = isPlain ? httpRequest : httpsRequest;
  }

  /**
   * Posts one webhook, signed for this try.
   *
   * @returns what became of it: an application that does not answer is an outcome, no error
   * @throws Error if no secret can be read: that is no fault of the application's
   */
  async post(webhook: Webhook): Promise<TryOutcome> {
    const { secrets, clock, answerWithinMs = ANSWER_WITHIN_MS } = this.#options;
    const signing = await secrets();
    const headers = signedHeaders(webhook, signing, clock());
    const deadline = AbortSignal.timeout(answerWithinMs);
    const first = await this.#try(webhook.body, headers, deadline);
    // The application closed a connection that was kept open, just as it was used again: it never saw this request.
    return first.kind === 'stale' ? withoutStale(await this.#try(webhook.body, headers, deadline)) : first;
  }

  /** Gives up the connections that are kept open. */
  close(): void {
    this.#agent.destroy();
  }

  #try(body: string, headers: Record<string, string>, deadline: AbortSignal): Promise<TryOutcome | { kind: 'stale' }> {
    return new Promise((resolve) => {
      const request = this.#send(this.#url, {
        method: 'POST',
        agent: this.#agent,
        headers: { ...headers, 'content-length': Buffer.byteLength(body) },
      });
      const giveUp = (): void => {
        resolve({ kind: 'failed', error: 'the receiver did not answer in time' });
        request.destroy();
      };
      if (deadline.aborted) giveUp();
      deadline.addEventListener('abort', giveUp, { once: true });
      const settle = (outcome: TryOutcome | { kind: 'stale' }): void => {
        deadline.removeEventListener('abort', giveUp);
        resolve(outcome);
      };
      request.once('response', (response) => {
        settle({ kind: 'answered', status: response.statusCode ?? 0 });
        readPast(response);
      });
      // Asked for by nobody; its connection is no use any more.
      request.once('upgrade', (response, socket) => {
        settle({ kind: 'answered', status: response.statusCode ?? 0 });
        socket.destroy();
      });
      request.on('error', (error: NodeJS.ErrnoException) => {
        const isStale = request.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
        settle(isStale ? { kind: 'stale' } : { kind: 'failed', error: errorText(error) });
      });
      request.end(body);
    });
  }
}

const withoutStale = (outcome: TryOutcome | { kind: 'stale' }): TryOutcome =>
  outcome.kind === 'stale' ? { kind: 'failed', error: 'the receiver closed the connection' } : outcome;

/** The receiver's words are not in it: they could be anything, and end in logs. */
const errorText = ({ code, message }: NodeJS.ErrnoException): string => {
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'the receiver closed the connection';
  return `the receiver could not be reached: ${code ?? message.slice(0, 200)}`;
};

/**
 * Headers of a try. Each secret signs: a receiver that knows any of them finds its signature.
 *
 * @param nowMs the clock, epoch ms: receivers refuse what was signed more than five minutes ago
 */
export const signedHeaders = (
  { webhookId, body }: Webhook,
  secrets: readonly string[],
  nowMs: number,
): Record<string, string> => ({
  'content-type': 'application/json',
  'user-agent': 'booking-expiry-webhooks',
  'webhook-id': webhookId,
  'webhook-timestamp': String(Math.floor(nowMs / 1_000)),
  'webhook-signature': secrets.map((secret) => new Signer(secret).sign(webhookId, new Date(nowMs), body)).join(' '),
});

/** The status was all that was wanted. A short body is read past; of a long or a slow one the connection is given up. */
const readPast = (response: IncomingMessage): void => {
  let bytes = 0;
  const timer = setTimeout(() => response.destroy(), READ_WITHIN_MS);
  timer.unref();
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_READ_BYTES) response.destroy();
  });
  response.once('close', () => clearTimeout(timer));
  // The answer was whole enough.
  response.on('error', () => {});
};
