/** An event source mapping of the template, as Lambda and CloudWatch tell of it. */

/** How a reader does: what Lambda says of its last invocation, and how old what it works on is. */
export interface ReaderProgress {
  /** Absent for a queue, of whose mapping Lambda says only that it is there. */
  readonly lastProcessingResult?: 'OK' | 'No records processed' | 'PROBLEM: Function call failed';
  /** Age of the oldest record under work, ms; absent for a queue. */
  readonly iteratorAgeMs?: number;
  /** When it last got messages, epoch ms; absent for a stream. */
  readonly lastReadAtMs?: number;
}

export interface EventSourceMapping {
  readonly uuid: string;
  readonly eventSourceArn: string;
  readonly functionName: string;
  /** Undefined where the template has it disabled. */
  readonly progress: ((nowMs: number) => ReaderProgress) | undefined;
  /** Up to which sequence number a stream has been read. Undefined for a queue, and where the template has it disabled. */
  readonly passed?: (() => number | undefined) | undefined;
}
