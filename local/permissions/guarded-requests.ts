/**
 * Looks at every signed request of a thread before it leaves: one that is not allowed is answered here as AWS would, and
 * never reaches an engine. It sits in Node's own HTTP client, below whatever SDK a bundle holds, so that no request takes a
 * way around it and an allowed one takes no longer way.
 *
 * Engines see one access key, the runtime's own: some of them keep a database for each key.
 */
import { ClientRequest, IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { readSignedRequest, SIGNATURE_PREFIX } from './aws-request.ts';
import type { Caller } from './caller.ts';
import { type Access, Gate } from './gate.ts';
import { type HttpAnswer, refusalAnswer, unknownKeyAnswer } from './refusal-answer.ts';

/**
 * Guards all requests of this thread from now on.
 *
 * @param caller whose requests they are
 * @param engineAccessKeyId the key that engines see
 * @param onAccess told of each permission that is asked for, when it is for the first time
 */
export const guardRequests = (caller: Caller, engineAccessKeyId: string, onAccess: (access: Access) => void): void => {
  const gate = new Gate(caller, onAccess);
  const { write, end } = ClientRequest.prototype;
  const held = new WeakMap<ClientRequest, Buffer[]>();

  const isSigned = (request: ClientRequest): boolean =>
    String(request.getHeader('authorization') ?? '').startsWith(SIGNATURE_PREFIX);
  const hold = (request: ClientRequest, chunk: unknown, encoding: unknown): Buffer[] => {
    const chunks = held.get(request) ?? [];
    held.set(request, chunks);
    if (chunk !== undefined && chunk !== null) chunks.push(bufferOf(chunk, encoding));
    return chunks;
  };

  ClientRequest.prototype.write = function (this: ClientRequest, ...args: unknown[]): boolean {
    if (!isSigned(this)) return Reflect.apply(write, this, args);
    const { given, callback } = argumentsOf(args);
    hold(this, given[0], given[1]);
    if (callback) process.nextTick(callback);
    return true;
  };
  ClientRequest.prototype.end = function (this: ClientRequest, ...args: unknown[]): ClientRequest {
    if (!isSigned(this)) return Reflect.apply(end, this, args);
    const { given, callback } = argumentsOf(args);
    const body = Buffer.concat(hold(this, given[0], given[1]));
    const answer = answerOf(this, body);
    if (answer) {
      answerInPlaceOfEngine(this, answer);
      return this;
    }
    return Reflect.apply(end, this, callback ? [body, callback] : [body]);
  };

  const answerOf = (request: ClientRequest, body: Buffer): HttpAnswer | undefined => {
    const authorization = String(request.getHeader('authorization'));
    const target = textOf(request.getHeader('x-amz-target'));
    const contentType = textOf(request.getHeader('content-type'));
    const signed = readSignedRequest({ authorization, target, contentType, path: request.path, body });
    const isJson = target !== undefined;
    if (signed.accessKeyId !== caller.accessKeyId) return unknownKeyAnswer(signed.service, isJson);
    const refusal = gate.refusalOf(signed);
    if (refusal) return refusalAnswer(signed.service, isJson, refusal, caller.sessionArn);
    request.setHeader(
      'authorization',
      authorization.replace(`Credential=${caller.accessKeyId}/`, `Credential=${engineAccessKeyId}/`),
    );
    return undefined;
  };

  refuseSignedFetches();
};

/** Node's fetch has an HTTP client of its own. No AWS SDK uses it here, so a signed request by it is not looked into. */
const refuseSignedFetches = (): void => {
  const { fetch } = globalThis;
  globalThis.fetch = async (input, init) => {
    const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : {}));
    if (headers.get('authorization')?.startsWith(SIGNATURE_PREFIX)) {
      throw new TypeError('the local runtime checks the permissions of node:http requests only, not of a signed fetch');
    }
    return fetch(input, init);
  };
};

/** Answers a request that has not been sent, as if an engine had. Its socket, if it has one, is given up. */
const answerInPlaceOfEngine = (request: ClientRequest, { status, headers, body }: HttpAnswer): void => {
  const response = new IncomingMessage(new Socket());
  response.statusCode = status;
  response.headers = {
    ...headers,
    'content-length': String(Buffer.byteLength(body)),
    date: new Date().toUTCString(),
  };
  response.push(body);
  response.push(null);
  response.once('close', () => {
    request.on('error', () => {});
    request.destroy();
  });
  process.nextTick(() => request.emit('response', response));
};

const textOf = (header: number | string | string[] | undefined): string | undefined =>
  header === undefined ? undefined : String(header);

/** Arguments of `write` and `end`: a chunk, its encoding and a callback, each of which may be left out. */
const argumentsOf = (args: readonly unknown[]): { given: unknown[]; callback: (() => void) | undefined } => {
  const callback = args.find((each) => typeof each === 'function') as (() => void) | undefined;
  return { given: args.filter((each) => typeof each !== 'function'), callback };
};

const bufferOf = (chunk: unknown, encoding: unknown): Buffer =>
  typeof chunk === 'string'
    ? Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8')
    : Buffer.from(chunk as Uint8Array);
