/**
 * Progress bars that give the terminal back as it was. While a bar is shown the cursor is hidden and line wrap is off; a
 * process that just ended would leave both so, for the shell and everything after it.
 */
import { MultiBar, type Options, Presets, SingleBar } from 'cli-progress';

const SHOW_CURSOR = '\x1b[?25h';
const WRAP_LINES = '\x1b[?7h';
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Whether bars can be seen: they are drawn on standard error, so that what is piped elsewhere stays clean. */
export const canShowBars = (): boolean => process.stderr.isTTY === true;

/** The library's own way of ending gracefully takes the signal away from the process, which then goes on. */
const COMMON: Options = { hideCursor: true, gracefulExit: false, barsize: 24 };

/** A bar. Whoever starts it stops it in the end, also when the work fails: what is printed meanwhile is cut at the margin. */
export const progressBar = (options: Options): SingleBar =>
  new SingleBar({ ...COMMON, ...options }, Presets.shades_classic).once('start', giveTerminalBackAtEnd);

/** A bar above which lines can be logged; it is shown as soon as one is created in it. */
export const progressBarWithLog = (options: Options): MultiBar =>
  new BarsWithLog({ ...COMMON, ...options }, Presets.shades_classic);

/** Says `start` only after it has drawn its first bar and hidden the cursor: a signal in between would find no listener. */
class BarsWithLog extends MultiBar {
  override create(...given: Parameters<MultiBar['create']>): SingleBar {
    if (canShowBars()) giveTerminalBackAtEnd();
    return super.create(...given);
  }
}

let isPrepared = false;

const giveTerminalBackAtEnd = (): void => {
  if (isPrepared) return;
  isPrepared = true;
  const giveBack = (): void => {
    process.stderr.write(SHOW_CURSOR + WRAP_LINES);
  };
  // An error that nobody caught is printed after this, so that none of it is cut.
  process.on('exit', giveBack);
  for (const signal of SIGNALS) {
    const onSignal = (): void => {
      // Whoever else listens ends the process in its own way.
      if (process.listenerCount(signal) > 1) return;
      giveBack();
      process.off(signal, onSignal);
      process.kill(process.pid, signal);
    };
    // First of all, while a listener that is to be called once is still there.
    process.prependListener(signal, onSignal);
  }
};
