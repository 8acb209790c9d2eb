/** What the demo sees go by in the Lambdas' logs, and how it shows that: lines, on a terminal with a bar below them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { percentile } from '../measure/lag-report.ts';
import { canShowBars, progressBarWithLog } from '../terminal/progress-bar.ts';
import { DemoErrors, wrapLines } from './errors.ts';
import type { Stories } from './stories.ts';

/** How long the watched bookings may take: the holds of most, an extension, and the sweep's patience with the lost ones. */
const GIVE_UP_AFTER_MS = 65_000;

export class Watch {
  readonly errors = new DemoErrors((text) => this.log(text));
  /** What the runtime noted, and lines that are no log entries. */
  readonly problems: string[] = [];
  readonly #quiet: boolean;
  readonly #startedAtMs = Date.now();
  readonly #lagsMs: number[] = [];
  #byTimer = 0;
  #bySweep = 0;
  // Lines come above the bar, so both must be seen in one place.
  readonly #live: boolean;
  readonly #bars = progressBarWithLog({
    format: '        {bar} {value}/{total} settled or expired │ timer {byTimer} │ sweep {bySweep} │ lag p99 {p99} ms',
  });
  #barShown = false;

  /** @param quiet shows nothing */
  constructor(quiet: boolean) {
    this.#quiet = quiet;
    this.#live = canShowBars() && process.stdout.isTTY && !quiet;
  }

  get seconds(): number {
    return (Date.now() - this.#startedAtMs) / 1_000;
  }

  say(line: string): void {
    if (!this.#quiet) console.log(line);
  }

  /** Lines of their own with the time, above the bar while there is one: the terminal does not wrap then. */
  log(text: string): void {
    const stamped = `${this.seconds.toFixed(1).padStart(5)} s  ${text}`;
    if (!this.#barShown) {
      this.say(stamped);
      return;
    }
    for (const line of wrapLines(stamped, (process.stdout.columns || 80) - 1, ' '.repeat(9))) {
      this.#bars.log(`${line}\n`);
    }
  }

  /** Takes one log line of a Lambda. */
  takeLogLine(logicalId: string, line: string): void {
    let entry: { message?: string; outcomes?: { outcome: string; lagMs?: number }[]; expired?: number };
    try {
      entry = JSON.parse(line);
    } catch {
      this.problems.push(line);
      return;
    }
    for (const { outcome, lagMs } of entry.outcomes ?? []) {
      if (outcome !== 'expired') continue;
      this.#byTimer += 1;
      if (lagMs !== undefined) this.#lagsMs.push(lagMs);
    }
    if (entry.message?.startsWith('Successfully expired') && entry.expired) {
      this.#bySweep += entry.expired;
      this.log(`the sweep found bookings whose timers were lost: ${entry.message}`);
    }
    this.errors.takeLogLine(logicalId, line);
  }

  /** Shows how far the bookings are until all are settled or expired, or until it gives up. */
  async untilDone(total: number, stories: Stories, lostTimers: () => number): Promise<void> {
    let storiesDone = false;
    const onEnd = (): void => {
      storiesDone = true;
    };
    // A story that fails is thrown below.
    stories.done.then(onEnd, onEnd);
    const giveUpAtMs = Date.now() + GIVE_UP_AFTER_MS;
    const progress = () => ({
      byTimer: this.#byTimer,
      bySweep: this.#bySweep,
      p99: percentile(this.#lagsMs, 0.99) || 0,
    });
    const done = () => stories.ended() + this.#byTimer + this.#bySweep;
    const bar = this.#live ? this.#bars.create(total, 0, progress()) : undefined;
    this.#barShown = this.#live;
    try {
      let waitingLogged = false;
      for (let lastLineMs = 0; done() < total || !storiesDone; ) {
        if (Date.now() > giveUpAtMs) break;
        if (storiesDone && !waitingLogged && done() >= total - lostTimers()) {
          waitingLogged = true;
          this.log(
            `only the ${total - done()} bookings with lost timers are left: the sweep takes them once they are 30 s overdue`,
          );
        }
        if (bar) bar.update(done(), progress());
        else if (Date.now() - lastLineMs > 5_000) {
          lastLineMs = Date.now();
          this.log(`${done()}/${total} settled or expired (timer ${this.#byTimer}, sweep ${this.#bySweep})`);
        }
        await sleep(100);
      }
      bar?.update(done(), progress());
    } finally {
      if (this.#live) this.#bars.stop();
      this.#barShown = false;
    }
    await stories.done;
    // The last log lines, and what may still come although it must not.
    await sleep(500);
  }
}
