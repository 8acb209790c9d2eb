/**
 * The delayed messages of the embedded SQS, in order of time. By itself the engine goes through all of them every 20 ms while
 * somebody waits for a message, and at each receive: with a quarter of a million timers waiting that takes a third of a
 * processor.
 */

/** What is used of a message of the engine's. */
export interface DelayedMessage {
  /** When it may be received, epoch ms. */
  readonly delayUntil?: number | undefined;
}

/** What is used of a queue of the engine's. */
export interface DelayingQueue {
  delayedMessages: DelayedMessage[];
  isFifo(): boolean;
  enqueue(message: DelayedMessage): void;
  /** Makes visible what is due. */
  processTimers(): void;
}

/**
 * Lets a queue find what is due without a look at the rest. Everything else stays the engine's own: it is shown a list that holds
 * what is due, and does with that what it does. What a FIFO queue delays it keeps elsewhere.
 */
export const keepDelayedInOrder = (queue: DelayingQueue): void => {
  if (queue.isFifo()) return;
  const { enqueue, processTimers } = queue;
  const loaded = queue.delayedMessages;
  queue.delayedMessages = [];
  for (const message of loaded) push(queue.delayedMessages, message);
  queue.enqueue = (message) => {
    enqueue.call(queue, message);
    // Where it was put there; else the last one is in its place already.
    rise(queue.delayedMessages, queue.delayedMessages.length - 1);
  };
  queue.processTimers = () => {
    const waiting = queue.delayedMessages;
    queue.delayedMessages = takeDue(waiting, Date.now());
    processTimers.call(queue);
    const notYet = queue.delayedMessages;
    queue.delayedMessages = waiting;
    // By a clock that was set back in between.
    for (const message of notYet) push(waiting, message);
  };
};

const takeDue = (heap: DelayedMessage[], nowMs: number): DelayedMessage[] => {
  const due: DelayedMessage[] = [];
  for (let first = heap[0]; first !== undefined && dueAt(first) <= nowMs; first = heap[0]) {
    due.push(first);
    const last = heap.pop();
    if (last === undefined || heap.length === 0) continue;
    heap[0] = last;
    sink(heap);
  }
  return due;
};

/** A binary heap: each message is due no earlier than the one above it, which is at half its place. */
const push = (heap: DelayedMessage[], message: DelayedMessage): void => {
  heap.push(message);
  rise(heap, heap.length - 1);
};

const rise = (heap: DelayedMessage[], from: number): void => {
  for (let place = from; place > 0; ) {
    const above = (place - 1) >> 1;
    if (!swapIfLater(heap, above, place)) return;
    place = above;
  }
};

const sink = (heap: DelayedMessage[]): void => {
  for (let place = 0; ; ) {
    const left = 2 * place + 1;
    if (left >= heap.length) return;
    const right = left + 1;
    const below = right < heap.length && dueAt(heap[right]) < dueAt(heap[left]) ? right : left;
    if (!swapIfLater(heap, place, below)) return;
    place = below;
  }
};

const dueAt = (message: DelayedMessage | undefined): number => message?.delayUntil ?? 0;

const swapIfLater = (heap: DelayedMessage[], above: number, below: number): boolean => {
  const [upper, lower] = [heap[above], heap[below]];
  if (upper === undefined || lower === undefined || dueAt(upper) <= dueAt(lower)) return false;
  heap[above] = lower;
  heap[below] = upper;
  return true;
};
