/** The sections of a benchmark, one after another: one that fails on a busy machine takes nothing from the others. */

export interface BenchSection {
  readonly name: string;
  /** Puts down what it finds as it finds it, so that a failure leaves what was found before. */
  run(): Promise<void>;
  /** Called when it has ended, well or not. */
  end(): void;
}

/**
 * Runs all sections, also after one that failed.
 *
 * @param onFailure called with what a section failed of; also with an error that nobody waited for, in whose time it came
 */
export const runSections = async (
  sections: readonly BenchSection[],
  onFailure: (section: string, error: unknown) => void,
): Promise<void> => {
  for (const { name, run, end } of sections) {
    const onStray = (error: unknown): void => onFailure(name, error);
    process.on('unhandledRejection', onStray);
    try {
      await run();
    } catch (error) {
      onFailure(name, error);
    } finally {
      process.off('unhandledRejection', onStray);
      end();
    }
  }
};
