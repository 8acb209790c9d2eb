/** Says to the HTTP API of a deployment who is calling: by a SigV4 signature, or by a JWT. */
import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';

type Credentials = ConstructorParameters<typeof SignatureV4>[0]['credentials'];

/** Who the caller is; absent locally, where the API is open to programs on this machine. */
export type Caller = { readonly token: string } | { readonly region: string; readonly credentials: Credentials };

/** A request before it is signed. */
export interface Unsigned {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** The headers of a request, with who it is from. */
export const signed = async (
  caller: Caller | undefined,
  { method, url, headers, body }: Unsigned,
): Promise<Record<string, string>> => {
  if (caller === undefined) return { ...headers };
  if ('token' in caller) return { ...headers, authorization: `Bearer ${caller.token}` };
  const signer = new SignatureV4({ service: 'execute-api', sha256: Sha256, ...caller });
  const request = await signer.sign({
    method,
    protocol: url.protocol,
    hostname: url.hostname,
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers: { ...headers, host: url.host },
    body,
  });
  const { host: _, ...others } = request.headers;
  return others;
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
