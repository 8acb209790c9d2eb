/** What a step's output comes to: its result in a line, and which tests were skipped for what reason. */
export const readSummary = (printed: string): { readonly result: string; readonly skipped: readonly string[] } => {
  const lines = printed.split('\n');
  // vitest's own summary, or the demo's last line.
  const tests = lines.map((line) => /^\s*Tests\s+(.+)$/.exec(line)?.[1]).findLast((line) => line !== undefined);
  const last = lines.findLast((line) => line.trim() !== '') ?? 'it printed nothing';
  const skipped = lines.flatMap((line) => {
    const [, test, reason = 'no reason was given'] = /^\s*↓ (.+?)(?: \d+ms)?(?: \[(.+)\])?$/.exec(line) ?? [];
    return test === undefined ? [] : [`${test.split(' > ').slice(1).join(' > ') || test}: ${reason}`];
  });
  return { result: tests ?? last.trim(), skipped };
};
