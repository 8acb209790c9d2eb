/** What the benchmark wants of a system that expires bookings, this service or another. */

/** Deadlines by so many a second; all holds equally long, nobody pays. */
export interface PeerLoad {
  readonly perSecond: number;
  readonly seconds: number;
  readonly holdMs: number;
  /** Begins every booking's id. */
  readonly prefix: string;
}

/** A booking that was expired. All epoch ms. */
export interface Expiry {
  readonly bookingId: string;
  readonly expiresAtMs: number;
  /** The clock before the write. */
  readonly nowMs: number;
  /** When whoever made the write saw that it was acknowledged. */
  readonly doneMs: number;
}

/** A booking as it is stored in the end. */
export interface StoredBooking {
  readonly status: string;
  readonly expiresAtMs: number;
  /** Absent while it is PENDING. */
  readonly expiredAtMs?: number | undefined;
}

export interface PeerSystem {
  /** Puts load on it until it has started all that it will have: what fills two cores in a new process is the compiling of code. */
  warmUp(): Promise<void>;
  /**
   * Creates the bookings of a load; resolves when the last one is acknowledged.
   *
   * @returns ms by which that was after the last booking was due to be created: what the producer could not keep up with
   */
  write(load: PeerLoad): Promise<number>;
  /** How many bookings have been expired since the last load began. */
  expired(): number;
  /** Of a load. */
  expiries(prefix: string): Promise<readonly Expiry[]>;
  /** Every booking of a load. */
  stored(prefix: string): Promise<readonly StoredBooking[]>;
  /** CPU that all of it has used since it was started: servers, worker, producer. In ms, NaN where there is no /proc. */
  cpuMs(): number;
  /** Ends what runs the expiries as a lost machine would: nothing is handed back. */
  kill(): Promise<void>;
  /** Starts it again. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}
