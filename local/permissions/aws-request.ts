/** Reads who signs a request to AWS, for which service, and what it asks for, in the JSON protocols and in SQS's older one. */

/** A request as an SDK signs it. */
export interface AwsRequest {
  /** The service that it is signed for, such as `dynamodb`. */
  readonly service: string;
  /** Such as `GetItem`; undefined if the request does not say. */
  readonly operation: string | undefined;
  readonly input: unknown;
}

/** The parts of an HTTP request that say what it asks for. */
export interface HttpRequestParts {
  readonly authorization: string;
  /** The header X-Amz-Target, of the JSON protocols. */
  readonly target: string | undefined;
  readonly contentType: string | undefined;
  readonly path: string;
  readonly body: Buffer;
}

export interface SignedRequest extends AwsRequest {
  readonly accessKeyId: string;
}

/** Begins the header Authorization of a request that is signed (AWS Signature Version 4). */
export const SIGNATURE_PREFIX = 'AWS4-HMAC-SHA256 ';

/** Key, date, region and service (same, Elements of a request signature). */
const CREDENTIAL = /\bCredential=([^/,\s]+)\/[^/,\s]+\/[^/,\s]+\/([^/,\s]+)\/aws4_request/;

/** The form of a name in a header: a service's version and an operation. */
const operationOf = (target: string): string => target.slice(target.lastIndexOf('.') + 1);

/** What is not understood is left undefined: whoever decides refuses it. */
export const readSignedRequest = ({
  authorization,
  target,
  contentType = '',
  path,
  body,
}: HttpRequestParts): SignedRequest => {
  const [, accessKeyId = '', service = ''] = CREDENTIAL.exec(authorization) ?? [];
  if (target !== undefined) {
    return { accessKeyId, service, operation: operationOf(target), input: parsedJson(body) };
  }
  if (contentType.startsWith('application/x-www-form-urlencoded')) {
    const { Action, ...input } = Object.fromEntries(new URLSearchParams(body.toString('utf8')));
    // A queue may be named by the path alone.
    return { accessKeyId, service, operation: Action, input: path === '/' ? input : { QueueUrl: path, ...input } };
  }
  return { accessKeyId, service, operation: undefined, input: undefined };
};

const parsedJson = (body: Buffer): unknown => {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
};
