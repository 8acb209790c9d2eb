/** A process with a progress bar that ends in the way that its argument names. Says on standard output what it is. */
import { progressBar, progressBarWithLog } from '../../terminal/progress-bar.ts';

const [way, kind] = process.argv.slice(2);
// Ends by itself, in its own time.
if (way === 'listen') process.once('SIGINT', () => setTimeout(() => process.exit(0), 100));
if (kind === 'with-log') progressBarWithLog({ format: '{bar}' }).create(10, 3);
else progressBar({ format: '{bar}' }).start(10, 3);
console.log(`process ${process.pid} shows a bar`);

const WAYS: Record<string, () => unknown> = {
  end: () => process.exit(3),
  throw: () => {
    throw new Error(`thrown ${'x'.repeat(200)} whole`);
  },
  reject: () => Promise.reject(new Error('rejected')),
};
// For any other way it waits: the bar itself keeps the process alive.
setTimeout(() => WAYS[way ?? '']?.(), 300);
