/** What the model takes for granted. Each is printed with the results. */
export interface Assumptions {
  /** Write units that one partition takes in a second (Amazon DynamoDB Developer Guide, partition limits). */
  readonly partitionWritesPerSecond: number;
  /** Partitions of the table itself. A new on-demand table takes 4,000 writes a second (same guide, initial throughput). */
  readonly tablePartitions: number;
  /** Concurrent batches at first, more each second, and at most (AWS Lambda Developer Guide, SQS scaling). */
  readonly concurrencyAtFirst: number;
  readonly concurrencyPerSecond: number;
  readonly maxConcurrency: number;
  /** Mean of what SQS delivers late by, in ms, exponential. No figure of AWS's: others saw "mostly below 100 ms". */
  readonly deliveryJitterMs: number;
  /** Making a new execution environment, in ms. No figure of AWS's for this bundle. */
  readonly coldStartMs: number;
  /** Round trip to DynamoDB, in ms. AWS says single-digit milliseconds. */
  readonly roundTripMs: number;
  /** CPU of one SDK call on a whole core, in ms, as `npm run bench -- --only cpu` measures it. */
  readonly callCpuMs: number;
  /** Memory of expire-booking and of the sweep; a core comes with 1,769 MB (AWS Lambda Developer Guide, memory). */
  readonly expireMemoryMb: number;
  readonly sweepMemoryMb: number;
  /** From a booking's write until its timer is sent, at most, in ms: streams are polled four times a second. */
  readonly streamDelayMs: number;
}

export const ASSUMPTIONS: Assumptions = {
  partitionWritesPerSecond: 1_000,
  tablePartitions: 40,
  concurrencyAtFirst: 5,
  concurrencyPerSecond: 5,
  maxConcurrency: 1_250,
  deliveryJitterMs: 40,
  coldStartMs: 500,
  roundTripMs: 6,
  callCpuMs: 0.5,
  expireMemoryMb: 192,
  sweepMemoryMb: 512,
  streamDelayMs: 500,
};
