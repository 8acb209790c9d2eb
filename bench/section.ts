/** What a section of the benchmark works with: the options, ways to print, and a place for its figures. */
import { join } from 'node:path';
import type { BenchOptions } from './options.ts';
import { withProgress } from './progress.ts';
import { drawLines, growingTable, type Plot } from './report.ts';

/** Where the rows of a table are put down. */
export interface Rows {
  push(...rows: readonly (readonly (string | number)[])[]): void;
}

export interface SectionWork {
  readonly options: BenchOptions;
  /** Where the app was synthesized into. */
  readonly assemblyDirectory: string;
  /** What goes into the JSON: put here as it is found, so that a failure leaves what was found before. */
  readonly figures: Record<string, unknown>;
  say(text: string): void;
  /** @param forSeconds about how long the work takes; 0 if it reports its progress itself */
  progress<T>(label: string, forSeconds: number, work: (showShare: (share: number) => void) => Promise<T>): Promise<T>;
  /** The rows of a table, each of which is printed when it is put down. */
  table(header: readonly string[], title?: string): Rows;
  /** Does a part of the section. If it fails, that is told, the section counts as failed, and its other parts are done. */
  attempt(part: string, run: () => Promise<unknown>): Promise<void>;
  /** Has something done when the section ends, also if it fails: in the order of the calls, tables among them. */
  atEnd(show: () => void): void;
  /** Draws a plot into the folder for plots, if one was asked for. */
  plot(name: string, plot: Plot): void;
}

export type RunSection = (work: SectionWork) => Promise<void>;

/** Work for one section, and what is to be called when it has ended. */
export const sectionWork = (
  options: BenchOptions,
  assemblyDirectory: string,
  onFailure: (error: unknown) => void,
): { readonly work: SectionWork; end(): void } => {
  const atItsEnd: (() => void)[] = [];
  const say = (text: string): void => {
    if (!options.json) console.log(text);
  };
  const work: SectionWork = {
    options,
    assemblyDirectory,
    figures: {},
    say,
    progress: (label, forSeconds, run) => withProgress(label, forSeconds, options.json, run),
    table: (header, title = '') => {
      const print = growingTable(header, title, say);
      return {
        push: (...rows) => {
          for (const row of rows) print(row);
        },
      };
    },
    attempt: async (part, run) => {
      try {
        await run();
      } catch (error) {
        onFailure(new Error(`${part}: ${error instanceof Error ? error.message || error.name : error}`));
      }
    },
    atEnd: (show) => atItsEnd.push(show),
    plot: (name, plot) => {
      if (options.plots !== undefined) drawLines(join(options.plots, `${name}.svg`), plot);
    },
  };
  return {
    work,
    end: () => {
      for (const show of atItsEnd.splice(0)) show();
    },
  };
};
