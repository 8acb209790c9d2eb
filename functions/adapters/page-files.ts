/** The page's files, which the build puts beside the code of the API's Lambda. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Folder of the page, beside the code of whoever serves it. */
export const PAGE_DIRECTORY = 'page';

/** Reads files of the page once, and keeps them: they are small, and change with the code only. */
export class PageFilesOnDisk {
  readonly #directory: string;
  readonly #kept = new Map<string, Promise<string | undefined>>();

  /** @param directory that the files are in */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** @param name of a file, checked by the caller: it becomes a part of a path */
  read(name: string): Promise<string | undefined> {
    const kept = this.#kept.get(name) ?? readFile(join(this.#directory, name), 'utf8').catch(() => undefined);
    this.#kept.set(name, kept);
    return kept;
  }
}
