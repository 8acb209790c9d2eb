/**
 * A network between an SDK client and its engine that loses, delays and repeats single requests and answers. It sits below
 * the SDK's own retries, so that they do what they do: a request whose answer was lost is sent again, and what was held
 * back arrives seconds after its repetition was carried out.
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';

/** What befalls one try of a request. */
export type TryFault =
  /** It is carried out, and nobody hears of it: the SDK tries again. */
  | 'answer-lost'
  /** It is held back, the SDK tries again, and it arrives when the late ones do. */
  | 'held-back'
  /** It is carried out and answered, and arrives once more with the late ones. */
  | 'repeated'
  /** It never arrives: the SDK tries again. */
  | 'request-lost';

type Handler = DynamoDBClient['config']['requestHandler'];
type HttpRequest = Parameters<Handler['handle']>[0];

/** As the SDK sees a time-out: worth another try. */
const timeout = (): Error => Object.assign(new Error('no answer in time'), { name: 'TimeoutError' });

export class UnreliableRequests {
  readonly #real: Handler = new DynamoDBClient({ region: 'us-east-1' }).config.requestHandler;
  readonly #late: HttpRequest[] = [];
  /** Decides what befalls each try; undefined for nothing. */
  #faultOf: (operation: string) => TryFault | undefined = () => undefined;

  /** Options of an SDK client whose requests go this way. */
  readonly clientOptions = {
    requestHandler: {
      metadata: { handlerProtocol: 'http/1.1' },
      handle: (...args: Parameters<Handler['handle']>) => this.#handle(...args),
      destroy: () => this.#real.destroy?.(),
      updateHttpClientConfig: () => {},
      httpHandlerConfigs: () => ({}),
    } as unknown as Handler,
    retryStrategy: withoutPauses(3),
  };

  async #handle(...[request, options]: Parameters<Handler['handle']>): ReturnType<Handler['handle']> {
    const operation = String(request.headers['x-amz-target']).replace(/^.*\./, '');
    switch (this.#faultOf(operation)) {
      case 'answer-lost':
        await this.#carryOut(request);
        throw timeout();
      case 'held-back':
        this.#late.push(request);
        throw timeout();
      case 'request-lost':
        throw timeout();
      case 'repeated':
        this.#late.push(request);
        break;
    }
    return this.#real.handle(request, options);
  }

  /** How many requests have not arrived yet. */
  get lateRequests(): number {
    return this.#late.length;
  }

  /** Lets these befall the next tries of an operation, one each, in this order. */
  befall(operation: string, ...faults: readonly TryFault[]): void {
    const left = [...faults];
    this.#faultOf = (each) => (each === operation ? left.shift() : undefined);
  }

  /** Lets this decide what befalls each try from now on. */
  befallBy(faultOf: (operation: string) => TryFault | undefined): void {
    this.#faultOf = faultOf;
  }

  /** Lets everything arrive that was held back, in the order in which it was sent. Nobody hears the answers. */
  async landLate(): Promise<number> {
    const late = this.#late.splice(0);
    for (const request of late) await this.#carryOut(request);
    return late.length;
  }

  async #carryOut(request: HttpRequest): Promise<void> {
    const { response } = await this.#real.handle(request, {});
    // Read to its end, or the connection would not be free again.
    for await (const _ of response.body as AsyncIterable<unknown>);
  }
}

/** The SDK's standard retries without its pauses: nothing here gets better by waiting. */
const withoutPauses = (maxAttempts: number) => {
  const token = (retries: number) => ({ getRetryCount: () => retries, getRetryDelay: () => 0 });
  return {
    mode: 'standard',
    acquireInitialRetryToken: async () => token(0),
    refreshRetryTokenForRetry: async (
      last: { getRetryCount(): number },
      { errorType }: { readonly errorType: string },
    ) => {
      const retries = last.getRetryCount() + 1;
      if (retries >= maxAttempts || !['TRANSIENT', 'THROTTLING'].includes(errorType)) throw new Error('no more tries');
      return token(retries);
    },
    recordSuccess: () => {},
  };
};
