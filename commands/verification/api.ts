/** Calls the HTTP API of a deployment as one of its callers: signed, with a JWT, or as nobody. */
import { type Caller, signed } from '../signing.ts';
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
    return as === 'nobody' ? headers : signed(this.#caller, { method, url, headers, body });
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
