/** Signs requests as AWS wants them signed: an engine of the operator's own may look (AWS Signature Version 4). */
import { createHash, createHmac } from 'node:crypto';
import { LOCAL_CREDENTIALS, REGION } from './account.ts';

export interface Unsigned {
  readonly method: string;
  readonly path: string;
  /** In lower case, each once; `host` must be among them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Signer {
  readonly service: string;
  readonly region?: string;
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/**
 * Makes what signs the requests to one service. The key of a day is made once.
 *
 * @returns the headers that a request needs beside its own
 */
export const signerFor = ({ service, region = REGION, credentials = LOCAL_CREDENTIALS }: Signer) => {
  const { accessKeyId, secretAccessKey } = credentials;
  let keyOfDay: { readonly day: string; readonly key: Buffer } = { day: '', key: Buffer.alloc(0) };
  const keyFor = (day: string): Buffer => {
    if (keyOfDay.day !== day) {
      const key = [region, service, 'aws4_request'].reduce(hmac, hmac(`AWS4${secretAccessKey}`, day));
      keyOfDay = { day, key };
    }
    return keyOfDay.key;
  };
  return ({ method, path, headers, body }: Unsigned, nowMs: number): Record<string, string> => {
    const time = new Date(nowMs).toISOString().replace(/[-:]|\.\d{3}/g, '');
    const day = time.slice(0, 8);
    const signed: Record<string, string> = { ...headers, 'x-amz-date': time };
    const names = Object.keys(signed).sort();
    const canonical = [
      method,
      path,
      '',
      ...names.map((name) => `${name}:${signed[name]}`),
      '',
      names.join(';'),
      sha256(body),
    ].join('\n');
    const scope = `${day}/${region}/${service}/aws4_request`;
    const signature = hmac(keyFor(day), ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n')).toString(
      'hex',
    );
    return {
      'x-amz-date': time,
      authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`,
    };
  };
};
