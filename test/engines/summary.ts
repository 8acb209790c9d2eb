/** What a step's output says of it, in a line; and which tests were skipped, with their reasons. */
export const readSummary = (printed: string): { readonly result: string; readonly skipped: readonly string[] } => {
  const lines = printed.split('\n');
  // vitest's own summary, or the demo's last line.
  const tests = lines.map((line) => /^\s*Tests\s+(.+)$/.exec(line)?.[1]).findLast((line) => line !== undefined);
  const last = lines.findLast((line) => line.trim() !== '') ?? 'it printed nothing';
  const skipped = lines.flatMap((line) => /^\s*↓ (.+)$/.exec(line)?.[1] ?? []);
  return { result: tests ?? last.trim(), skipped };
};
