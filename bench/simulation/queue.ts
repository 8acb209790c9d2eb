/** The timer queue in simulated time: messages that are delayed, visible, in flight or given up. */
import type { Kernel } from './kernel.ts';

const MAX_RECEIVES = 10;
/** From this many places on, those of messages that were taken are given back. */
const MUCH_TAKEN = 10_000;

export interface Message {
  readonly body: string;
  receives: number;
}

/** A message as it was received, by the handle of its receipt. */
export type Received = readonly [receiptHandle: string, message: Message];

export class SimulatedQueue {
  readonly #kernel: Kernel;
  readonly #onVisible: () => void;
  readonly #delayed = new Map<number, Message[]>();
  readonly #inFlight = new Map<string, Message>();
  #visible: Message[] = [];
  #taken = 0;
  #receipts = 0;
  /** Messages that were received too often. */
  deadLetters = 0;

  /** @param onVisible called whenever messages have become visible */
  constructor(kernel: Kernel, onVisible: () => void) {
    this.#kernel = kernel;
    this.#onVisible = onVisible;
  }

  /** How many could be received now. */
  get visible(): number {
    return this.#visible.length - this.#taken;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Lets a message become visible at a time, epoch ms. */
  send(message: Message, atMs: number): void {
    const dueMs = Math.ceil(atMs);
    const together = this.#delayed.get(dueMs);
    if (together) {
      together.push(message);
      return;
    }
    const due = [message];
    this.#delayed.set(dueMs, due);
    this.#kernel.at(dueMs, () => {
      this.#delayed.delete(dueMs);
      for (const each of due) this.#visible.push(each);
      this.#onVisible();
    });
  }

  /** Takes visible messages, the oldest first; those that were received too often are dead letters. */
  receive(atMost: number): Received[] {
    const received: Received[] = [];
    const end = Math.min(this.#visible.length, this.#taken + atMost);
    for (; this.#taken < end; this.#taken += 1) {
      const message = this.#visible[this.#taken] as Message;
      message.receives += 1;
      if (message.receives > MAX_RECEIVES) {
        this.deadLetters += 1;
        continue;
      }
      this.#receipts += 1;
      const receiptHandle = String(this.#receipts);
      this.#inFlight.set(receiptHandle, message);
      received.push([receiptHandle, message]);
    }
    if (this.#taken >= MUCH_TAKEN && this.#taken * 2 >= this.#visible.length) {
      this.#visible = this.#visible.slice(this.#taken);
      this.#taken = 0;
    }
    return received;
  }

  delete(receiptHandle: string): void {
    this.#inFlight.delete(receiptHandle);
  }

  /** Lets a message that is in flight become visible again. */
  return(receiptHandle: string, afterMs: number): void {
    const message = this.#inFlight.get(receiptHandle);
    if (message === undefined) return;
    this.#inFlight.delete(receiptHandle);
    this.send(message, this.#kernel.now() + afterMs);
  }
}
