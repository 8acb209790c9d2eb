/** Errors that are no errors where they are expected. */

/** Passes over the error of this name, and throws every other. */
export const unless =
  (name: string) =>
  (error: unknown): undefined => {
    if (!(error instanceof Error && error.name.endsWith(name))) throw error;
  };
