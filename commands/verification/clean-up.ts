/** What was made for a while, and how to unmake it: at the end, after an error, and after Ctrl-C. */
import { reasonOf } from '../connect.ts';

export class CleanUp {
  readonly #tasks: { readonly what: string; readonly undo: () => Promise<unknown> }[] = [];

  /**
   * @param what is left behind if it is not undone, in words
   */
  add(what: string, undo: () => Promise<unknown>): void {
    this.#tasks.push({ what, undo });
  }

  /**
   * Undoes everything, the last first.
   *
   * @returns what could not be undone, each with the reason
   */
  async run(): Promise<string[]> {
    const left: string[] = [];
    for (const { what, undo } of this.#tasks.splice(0).reverse()) {
      try {
        await undo();
      } catch (error) {
        left.push(`${what} (${reasonOf(error)})`);
      }
    }
    return left;
  }
}
