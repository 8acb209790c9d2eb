/** A rule of EventBridge: brings those events of a bus that match its pattern to its targets. */
import type { PublishedEvent } from './event-bus.ts';
import { compileFilters } from './event-filter.ts';

/** Where a rule brings events. */
export interface RuleTarget {
  /** Resolves when the event is through; it does not fail. */
  take(event: PublishedEvent): Promise<void>;
  /** Lets what is in flight finish. */
  stop(): Promise<void>;
}

export class EventRule {
  readonly #busName: string;
  readonly #matches: (event: unknown) => boolean;
  readonly #targets: readonly RuleTarget[];
  #isOn = false;

  /** @throws UnsupportedFilterError for a pattern that holds what is not known */
  constructor(busName: string, pattern: unknown, targets: readonly RuleTarget[]) {
    this.#busName = busName;
    this.#matches = compileFilters([JSON.stringify(pattern ?? {})]);
    this.#targets = targets;
  }

  /** Brings an event that was published to every target, if it matches. */
  take(event: PublishedEvent, busName: string): void {
    if (!this.#isOn || busName !== this.#busName || !this.#matches(event)) return;
    for (const target of this.#targets) void target.take(event);
  }

  start(): void {
    this.#isOn = true;
  }

  async stop(): Promise<void> {
    this.#isOn = false;
    await Promise.all(this.#targets.map((target) => target.stop()));
  }
}
