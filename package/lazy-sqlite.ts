/**
 * `node:sqlite` for the packed SQS engine. Node before 22.13 has none; there it works as long as nothing is to be kept in a file.
 */
import { createRequire, isBuiltin } from 'node:module';

/** Put together, so that no bundler follows it here again. */
const NAME = ['node', 'sqlite'].join(':');

export const DatabaseSync = isBuiltin(NAME) ? createRequire(import.meta.url)(NAME).DatabaseSync : undefined;
