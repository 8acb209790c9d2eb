/** Calls the HTTP API of a deployment as one of its callers: signed, with a JWT, or as nobody. */
import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Ledger } from './ledger.ts';

/** How a request says who it is from. The caller's way is a signature, or the JWT that was given. */
export type Identity = 'caller' | 'nobody' | { readonly bearer: string };

export interface ApiAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: Headers;
}

/** An answer for a message, cut. */
export const saidBy = ({ status, body }: ApiAnswer): string => `${status} ${JSON.stringify(body).slice(0, 300)}`;

type Credentials = ConstructorParameters<typeof SignatureV4>[0]['credentials'];

/** Who the caller is; absent locally, where the API is open to programs on this machine. */
export type Caller = { readonly token: string } | { readonly region: string; readonly credentials: Credentials };

/** API Gateway gives up after 30 seconds. */
const PATIENCE_MS = 35_000;

export class Api {
  readonly #url: string;
  readonly #caller: Caller | undefined;
  readonly #ledger: Ledger;

  constructor(url: string, caller: Caller | undefined, ledger: Ledger) {
    this.#url = url.replace(/\/$/, '');
    this.#caller = caller;
    this.#ledger = ledger;
  }

  /** How the caller says who it is, in words. */
  get identity(): string {
    if (this.#caller === undefined) return 'no authorization';
    return 'token' in this.#caller ? 'the JWT of --token' : 'a SigV4 signature';
  }

  /** @param path below `/api/v1` */
  async call(
    method: 'GET' | 'POST',
    path: string,
    { as = 'caller', body }: { readonly as?: Identity; readonly body?: unknown } = {},
  ): Promise<ApiAnswer> {
    const url = new URL(`${this.#url}/api/v1${path}`);
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = text === undefined ? {} : { 'content-type': 'application/json' };
    this.#ledger.count('HTTP API');
    const response = await fetch(url, {
      method,
      headers: await this.#signed(method, url, headers, text, as),
      ...(text !== undefined && { body: text }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    return { status: response.status, body: jsonOf(await response.text()), headers: response.headers };
  }

  async #signed(
    method: string,
    url: URL,
    headers: Record<string, string>,
    body: string | undefined,
    as: Identity,
  ): Promise<Record<string, string>> {
    if (typeof as === 'object') return { ...headers, authorization: `Bearer ${as.bearer}` };
    if (as === 'nobody' || this.#caller === undefined) return headers;
    if ('token' in this.#caller) return { ...headers, authorization: `Bearer ${this.#caller.token}` };
    const signer = new SignatureV4({ service: 'execute-api', sha256: Sha256, ...this.#caller });
    const signed = await signer.sign({
      method,
      protocol: url.protocol,
      hostname: url.hostname,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: { ...headers, host: url.host },
      body,
    });
    const { host: _, ...others } = signed.headers;
    return others;
  }
}

const jsonOf = (text: string): Record<string, unknown> => {
  try {
    const value = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : { text };
  } catch {
    return { text };
  }
};

/** SHA-256 as the signer requires it: plain, or keyed. */
class Sha256 {
  readonly #start: () => Hash | Hmac;
  #hash: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    const key = secret === undefined ? undefined : bytesOf(secret);
    this.#start = () => (key === undefined ? createHash('sha256') : createHmac('sha256', key));
    this.#hash = this.#start();
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data));
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    this.#hash = this.#start();
  }
}

const bytesOf = (data: string | ArrayBuffer | ArrayBufferView): Uint8Array => {
  if (typeof data === 'string') return Buffer.from(data, 'utf8');
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
};
