/** A request as a command line that does the same, whatever strangers wrote into it. */

export interface ApiRequest {
  readonly method: 'GET' | 'POST';
  /** Path, from the server's root on. */
  readonly path: string;
  readonly body?: object | undefined;
  /** Value of the header Authorization. */
  readonly authorization?: string | undefined;
}

/**
 * An id as a part of a path. `encodeURIComponent` leaves some characters that mean something to a shell.
 *
 * @throws URIError for a text that is no Unicode: no URL can hold it
 */
export const inPath = (id: string): string =>
  encodeURIComponent(id).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);

/** JSON in ASCII: in a terminal nothing in it is more than it looks. */
export const asciiJson = (value: object): string =>
  JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** @param origin of the server */
export const curlOf = ({ method, path, body, authorization }: ApiRequest, origin: string): string =>
  [
    'curl -s',
    ...(method === 'POST' ? ['-X POST'] : []),
    quoted(origin + path),
    ...(authorization === undefined ? [] : [`-H ${quoted(`authorization: ${authorization}`)}`]),
    ...(body === undefined ? [] : [`-H ${quoted('content-type: application/json')}`, `-d ${quoted(asciiJson(body))}`]),
  ].join(' ');
