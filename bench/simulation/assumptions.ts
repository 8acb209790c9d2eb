/** What the model takes for granted, in ms, seconds and counts as the names say. Each is printed with the results. */
export interface Assumptions {
  /** Write units that one partition takes in a second (Amazon DynamoDB Developer Guide, "Warm throughput in different scenarios"). */
  readonly partitionWritesPerSecond: number;
  /** Partitions of the table itself. A new on-demand table takes 4,000 writes a second (same page). */
  readonly tablePartitions: number;
  /**
   * Partitions of the index that the shards lie on, by a hash of their number. Null: each shard is alone on one. No figure of
   * AWS's: how many partitions an index has cannot be seen from outside.
   */
  readonly indexPartitions: number | null;
  /**
   * Without provisioned pollers: batches at once at first, more each second, and at most (AWS Lambda Developer Guide,
   * "Configuring scaling behavior for SQS event source mappings").
   */
  readonly concurrencyAtFirst: number;
  readonly concurrencyPerSecond: number;
  readonly maxConcurrency: number;
  /**
   * A provisioned poller: polls in a second, batches at once, and how many more pollers come in a minute while timers wait, which
   * is 1,000 batches at once (same page). Its third limit, 1 MB a second, is never reached: ten polls of ten timers are below 100 kB.
   */
  readonly pollsPerSecond: number;
  readonly batchesPerPoller: number;
  readonly pollersPerMinute: number;
  /** Timers that one poll brings at most, if enough are there. SQS gives up to ten, and may give fewer: no figure of AWS's. */
  readonly timersPerPoll: number;
  /** Timers that were received and are not done, at most (Amazon SQS Developer Guide, "Message quotas"). */
  readonly maxInFlight: number;
  /** New execution environments of one Lambda at once, and in each second after (AWS Lambda Developer Guide, "Lambda scaling behavior"). */
  readonly environmentsAtOnce: number;
  readonly environmentsPerSecond: number;
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
  indexPartitions: null,
  concurrencyAtFirst: 5,
  concurrencyPerSecond: 5,
  maxConcurrency: 1_250,
  pollsPerSecond: 10,
  batchesPerPoller: 10,
  pollersPerMinute: 100,
  timersPerPoll: 10,
  maxInFlight: 120_000,
  environmentsAtOnce: 1_000,
  environmentsPerSecond: 100,
  deliveryJitterMs: 40,
  coldStartMs: 500,
  roundTripMs: 6,
  callCpuMs: 0.5,
  expireMemoryMb: 192,
  sweepMemoryMb: 512,
  streamDelayMs: 500,
};
