/** The sections of a benchmark, one after another: one that fails on a busy machine takes nothing from the others. */

export interface BenchSection {
  readonly name: string;
  /** Puts down what it finds as it finds it, so that a failure leaves what was found before. */
  run(): Promise<void>;
}

export interface SectionReports {
  /** What a section failed of; also an error that nobody waited for, in whose time it came. */
  onFailure(section: string, error: unknown): void;
  /** A section has ended, well or not. */
  onEnd(section: string): void;
}

/** Runs all sections, whatever becomes of the others. */
export const runSections = async (
  sections: readonly BenchSection[],
  { onFailure, onEnd }: SectionReports,
): Promise<void> => {
  for (const { name, run } of sections) {
    const onStray = (error: unknown): void => onFailure(name, error);
    process.on('unhandledRejection', onStray);
    try {
      await run();
    } catch (error) {
      onFailure(name, error);
    } finally {
      process.off('unhandledRejection', onStray);
      onEnd(name);
    }
  }
};
