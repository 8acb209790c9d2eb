/**
 * An API Gateway HTTP API on this machine: matches the template's routes and invokes their Lambda with events of payload
 * format 2.0. Authorizers are not applied: it listens on loopback only, and no web page may call it.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { LOCAL_ACCOUNT_ID } from './account.ts';
import type { LambdaHost } from './lambda-host.ts';
import { type LoopbackServer, listenOnLoopback } from './loopback.ts';

export interface HttpRoute {
  /** Such as `GET /health`, `ANY /orders/{proxy+}` or `$default`. */
  readonly routeKey: string;
  readonly lambda: LambdaHost;
}

/**
 * Serves what is beside the template's routes, before they are asked. Whatever it is given has passed the page guard.
 *
 * @returns whether it answers this request
 */
export type AlsoServe = (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;

/** Largest payload of an HTTP API (Amazon API Gateway Developer Guide, HTTP API quotas). */
const MAX_BODY_BYTES = 10_485_760;

interface CompiledRoute extends HttpRoute {
  readonly method: string;
  readonly path: RegExp;
  /** Literal parts count most, a greedy parameter least: API Gateway takes the most specific match. */
  readonly rank: number;
}

export class LocalHttpApi {
  readonly #routes: CompiledRoute[];
  readonly #onProblem: (problem: string) => void;
  readonly #onAnswer: (status: number) => void;
  readonly #alsoServe: AlsoServe;
  #server: LoopbackServer | undefined;
  readonly #inFlight = new Set<Promise<void>>();

  /**
   * @param onAnswer told the status of each answer of a route
   * @param alsoServe serves what is beside the routes
   */
  constructor(
    routes: readonly HttpRoute[],
    onProblem: (problem: string) => void,
    onAnswer: (status: number) => void = () => {},
    alsoServe: AlsoServe = () => false,
  ) {
    this.#routes = routes.map(compileRoute).sort((a, b) => b.rank - a.rank);
    this.#onProblem = onProblem;
    this.#onAnswer = onAnswer;
    this.#alsoServe = alsoServe;
  }

  /** @returns where it listens */
  async listen(port: number): Promise<string> {
    this.#server = await listenOnLoopback((request, response) => {
      const answer = this.#serve(request, response).finally(() => this.#inFlight.delete(answer));
      this.#inFlight.add(answer);
    }, port);
    return this.#server.endpoint;
  }

  /** Takes no more requests; those in flight are answered. */
  async stop(): Promise<void> {
    this.#server?.server.close();
    await Promise.all(this.#inFlight);
    await this.#server?.stop();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      if (await this.#alsoServe(request, response)) return;
      response.once('finish', () => this.#onAnswer(response.statusCode));
      const target = request.url ?? '';
      if (!target.startsWith('/')) return answerJson(response, 400, { message: 'Bad Request' });
      // Not resolved against a base: a path of two slashes would be taken for a host.
      const url = new URL(`http://127.0.0.1${target}`);
      const route = this.#routes.find(
        ({ method, path }) => (method === 'ANY' || method === request.method) && path.test(url.pathname),
      );
      if (route === undefined) return answerJson(response, 404, { message: 'Not Found' });
      const body = await readBody(request);
      if (body === undefined) return answerJson(response, 413, { message: 'Request Entity Too Large' });
      answerLambda(response, await route.lambda.invoke(eventOf(request, url, route.routeKey, body)));
    } catch (error) {
      this.#onProblem(`the HTTP API answered 500: ${error instanceof Error ? error.message : error}`);
      if (response.headersSent) response.destroy();
      else answerJson(response, 500, { message: 'Internal Server Error' });
    }
  }
}

const compileRoute = (route: HttpRoute): CompiledRoute => {
  if (route.routeKey === '$default') return { ...route, method: 'ANY', path: /^/, rank: -1 };
  const [method = '', path = ''] = route.routeKey.split(' ');
  const parts = path.split('/').map((part) => {
    if (/^\{[^}]+\+\}$/.test(part)) return { pattern: '.+', rank: 1 };
    if (/^\{[^}]+\}$/.test(part)) return { pattern: '[^/]+', rank: 2 };
    return { pattern: part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'), rank: 3 };
  });
  const rank = parts.reduce((sum, part) => sum + part.rank, 0) + (method === 'ANY' ? 0 : 0.5);
  return { ...route, method, path: new RegExp(`^${parts.map(({ pattern }) => pattern).join('/')}$`), rank };
};

/** The body, undefined if it is too large. */
const readBody = async (request: IncomingMessage): Promise<Buffer | undefined> => {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  return length > MAX_BODY_BYTES ? undefined : Buffer.concat(chunks);
};

const TEXT_TYPES = /^(text\/|application\/(.+\+)?(json|xml|javascript|x-www-form-urlencoded))/i;

const eventOf = (request: IncomingMessage, url: URL, routeKey: string, body: Buffer): APIGatewayProxyEventV2 => {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (name !== 'cookie' && value !== undefined) headers[name] = Array.isArray(value) ? value.join(',') : value;
  }
  const isText = body.length === 0 || TEXT_TYPES.test(headers['content-type'] ?? 'text/plain');
  const now = new Date();
  const query = Object.fromEntries(
    [...url.searchParams.keys()].map((name) => [name, url.searchParams.getAll(name).join(',')]),
  );
  return {
    version: '2.0',
    routeKey,
    rawPath: url.pathname,
    rawQueryString: url.search.slice(1),
    headers,
    ...(request.headers.cookie && { cookies: request.headers.cookie.split('; ') }),
    ...(Object.keys(query).length > 0 && { queryStringParameters: query }),
    requestContext: {
      accountId: LOCAL_ACCOUNT_ID,
      apiId: 'local',
      domainName: headers.host ?? '',
      domainPrefix: 'local',
      http: {
        method: request.method ?? 'GET',
        path: url.pathname,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp: request.socket.remoteAddress ?? '',
        userAgent: headers['user-agent'] ?? '',
      },
      requestId: randomUUID(),
      routeKey,
      stage: '$default',
      time: now.toUTCString(),
      timeEpoch: now.getTime(),
    },
    ...(body.length > 0 && { body: body.toString(isText ? 'utf8' : 'base64') }),
    isBase64Encoded: !isText,
  };
};

/** What API Gateway makes of a Lambda's result: a response as the result describes it, or the result itself as JSON. */
const answerLambda = (response: ServerResponse, result: unknown): void => {
  const described = result as {
    statusCode?: number;
    headers?: Record<string, string>;
    cookies?: string[];
    body?: string;
    isBase64Encoded?: boolean;
  } | null;
  if (typeof described?.statusCode !== 'number') {
    answerJson(response, 200, result);
    return;
  }
  const { statusCode, headers = {}, cookies, body = '', isBase64Encoded } = described;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (cookies?.length) response.setHeader('set-cookie', cookies);
  response.writeHead(statusCode).end(Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8'));
};

const answerJson = (response: ServerResponse, status: number, body: unknown): void => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};
