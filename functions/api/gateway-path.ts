/** The path of a request as API Gateway gives it. */

/** Ends a path, is taken for a slash or left out where a URL is made of it, or is a percent sign that escapes nothing. */
const MISREAD = /[?#\\\p{Cc}]|%(?![\da-f]{2})/giu;

/**
 * A path that a URL can be made of. An HTTP API hands over `rawPath` decoded, as observed by others; AWS does not document it. What
 * it leaves escaped stays as it is, so that both are read alike.
 *
 * @param rawPath of payload format 2.0
 */
export const pathForUrl = (rawPath: string): string => rawPath.replaceAll(MISREAD, encodeURIComponent);
