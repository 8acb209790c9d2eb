/**
 * A clock that can be moved while threads run by it: an hour passes at once, or one Lambda's clock goes wrong. Only what
 * reads the time of day is moved. Timers count on another clock, so waiting takes as long as ever.
 */

/** Milliseconds by which a clock is ahead of the system's, in memory that threads share. */
export type ClockOffset = Float64Array<SharedArrayBuffer>;

/** @param aheadMs how far ahead of the system's clock it starts, in ms; negative for behind */
export const clockOffset = (aheadMs = 0): ClockOffset => {
  const offset = new Float64Array(new SharedArrayBuffer(Float64Array.BYTES_PER_ELEMENT));
  offset[0] = aheadMs;
  return offset;
};

/**
 * Lets this thread's `Date` go by the offset, from now on and wherever it is moved to.
 *
 * @returns puts the system's clock back
 */
export const goByOffset = (offset: ClockOffset): (() => void) => {
  const SystemDate = Date;
  class MovedDate extends SystemDate {
    // biome-ignore lint/suspicious/noExplicitAny: Date takes what Date takes.
    constructor(...given: any[]) {
      if (given.length === 0) super(MovedDate.now());
      else super(...(given as [number]));
    }
    static override now(): number {
      return SystemDate.now() + (offset[0] ?? 0);
    }
  }
  globalThis.Date = MovedDate as DateConstructor;
  return () => {
    globalThis.Date = SystemDate;
  };
};
