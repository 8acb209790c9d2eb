/** How things go in a history: what fails, how long things take, whose clock is wrong. All of it by choices. */
import { DAY_MS, MINUTE_MS, SECOND_MS } from '../../functions/core/hold-time.ts';
import type { Choices } from './choices.ts';
import type { TableFate } from './slow-tables.ts';

const HOUR_MS = 60 * MINUTE_MS;

/** What becomes of a request between two programs. late: whoever asked has given up, and it is carried out afterwards. */
export type RequestFate = 'fine' | 'lost' | 'unheard' | 'late';

/** How much fails in a history, in percent: of the requests, of the table's requests, of the shop's steps by a crash. */
const FAULTS: readonly [FaultPercents, ...FaultPercents[]] = [
  { requests: 0, tables: 0, crashes: 0 },
  { requests: 5, tables: 1, crashes: 1 },
  { requests: 0, tables: 5, crashes: 0 },
  { requests: 15, tables: 3, crashes: 4 },
  { requests: 25, tables: 0, crashes: 1 },
];

interface FaultPercents {
  readonly requests: number;
  readonly tables: number;
  readonly crashes: number;
}

export class Chance {
  readonly choices: Choices;
  readonly #faults: FaultPercents;
  readonly #areClocksWrong: boolean;
  /** Whether everything goes well from now on, as it does at the end of each history. */
  isCalm = false;

  constructor(choices: Choices) {
    this.choices = choices;
    this.#faults = choices.of(FAULTS);
    this.#areClocksWrong = choices.chance(40);
  }

  #happens(percent: number): boolean {
    return !this.isCalm && this.choices.chance(percent);
  }

  requestFate(): RequestFate {
    return this.#happens(this.#faults.requests) ? this.choices.of(['unheard', 'late', 'lost', 'late']) : 'fine';
  }

  tableFate(mayBeBusy: boolean): TableFate {
    if (!this.#happens(this.#faults.tables)) return 'fine';
    return this.choices.of(mayBeBusy ? ['busy', 'failed', 'unheard'] : ['failed', 'unheard']);
  }

  crashes(): boolean {
    return this.#happens(this.#faults.crashes);
  }

  /** Which of those who are due goes next: mostly the one who went last. */
  turnOf(count: number, last: number): number {
    if (this.isCalm || count === 1) return last === -1 ? 0 : last;
    const other = this.choices.chance(50) ? this.choices.pick(count) : -1;
    return other !== -1 ? other : last === -1 ? this.choices.pick(count) : last;
  }

  /** How far time moves on between two steps, ms. @param untilDeadlineMs time until the next deadline, if one is near */
  moveMs(untilDeadlineMs: number | undefined): number {
    if (!this.#happens(4)) return 0;
    if (untilDeadlineMs !== undefined && this.choices.chance(30)) {
      return Math.max(0, untilDeadlineMs + this.choices.of([0, -1, 1]));
    }
    return this.choices.chance(80)
      ? this.choices.of([1, SECOND_MS, 20 * SECOND_MS])
      : this.choices.of([2 * MINUTE_MS, 20 * MINUTE_MS, 2 * HOUR_MS, DAY_MS]);
  }

  /** How late something comes that is on its way, ms. */
  delayMs(): number {
    return this.choices.chance(40)
      ? this.choices.of([SECOND_MS, 10 * SECOND_MS, MINUTE_MS, 10 * MINUTE_MS, HOUR_MS, DAY_MS])
      : 0;
  }

  /** How far a clock is off, ms. */
  clockOffMs(): number {
    if (!this.#areClocksWrong || !this.choices.chance(50)) return 0;
    return this.choices.of([-1, 1]) * this.choices.of([2 * SECOND_MS, 40 * SECOND_MS, 15 * MINUTE_MS, 3 * HOUR_MS]);
  }

  /** How often an event of the provider is delivered. */
  deliveries(): number {
    return this.isCalm ? 0 : this.choices.of([1, 2, 0, 1, 3]);
  }
}
