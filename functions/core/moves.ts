/**
 * Every write that a booking may meet, as data: what is set, what is removed, on what condition.
 *
 *   PENDING ──confirm, before the deadline──▶ CONFIRMED ──cancel──▶ CANCELLED
 *      │ ├────cancel, before the deadline──────────────────────────────▲
 *      │ └────extend, before the deadline──▶ PENDING with a new deadline
 *      └──────expire, from the deadline on──▶ EXPIRED ──revive, if it has slots──▶ CONFIRMED
 *
 * Nothing else is legal, and nothing leads back to PENDING. Each move is one write whose condition holds the whole rule,
 * so that no order of customers, timers, duplicates and sweeps can break it. `nowMs` is the clock of whoever makes the
 * move, read just before the write: DynamoDB has no clock in its conditions.
 *
 * Every condition also names what the move saw. So a write that arrives again, seconds late, after its repetition was
 * carried out and the booking has moved on, changes nothing.
 *
 * A move speaks of what things mean. Under which names and in which words a table has them is the table's shape.
 */
import type { ExpiredBy } from './booking-status.ts';

/**
 * A value exactly as the table has it, whoever wrote it: a number of 38 digits, or another type than expected. Its form is
 * the table's own affair.
 */
export interface AsStored {
  readonly stored: object;
}

/** What a move may set: the status, the deadline, and what is noted beside them. Times are epoch ms. */
export interface Changes {
  readonly status?: 'CONFIRMED' | 'CANCELLED' | 'EXPIRED';
  readonly deadlineMs?: number;
  /** The shard of the index in which the booking waits. */
  readonly pendingShard?: number;
  /** The deadline under which the index has the booking, where that is an attribute of its own. */
  readonly indexedAtMs?: number;
  readonly holdStartedAtMs?: number;
  readonly confirmedAtMs?: number;
  readonly cancelledAtMs?: number;
  readonly expiredAtMs?: number;
  readonly expiredBy?: ExpiredBy;
  readonly revivedAtMs?: number;
  /** When its confirmation was refused for good: a slot of it is another booking's. */
  readonly slotsLostAtMs?: number;
  /** Which slots these were. */
  readonly lostSlotIds?: readonly string[];
}

/** One part of a condition; all parts of a condition must hold. */
export type Requirement =
  | { readonly is: 'pending' }
  /** Its deadline is later than the clock. */
  | { readonly is: 'running'; readonly nowMs: number }
  /**
   * Its deadline is one, and has passed by the clock. Where deadlines are text, which no condition can compare, it is the
   * very one that was seen, and whoever makes the move has judged it.
   */
  | { readonly is: 'lapsed'; readonly nowMs: number; readonly seenDeadline: AsStored | undefined }
  | { readonly is: 'confirmed' }
  | { readonly is: 'expired' }
  | { readonly is: 'in-index' }
  /** It has exactly what was seen, or nothing if nothing was. */
  | { readonly is: 'as-seen'; readonly what: Seen; readonly seen: AsStored | undefined };

/** What a condition may compare with what was seen. */
export type Seen =
  | 'status'
  | 'deadline'
  | 'holdStartedAtMs'
  | 'confirmedAtMs'
  | 'cancelledAtMs'
  | 'expiredAtMs'
  | 'slotIds'
  | 'slotsLostAtMs';

/** What the service notes in a booking beside where the index has it. */
export type ServiceNote = 'holdStartedAtMs' | 'expiredAtMs' | 'expiredBy';

/** A conditional write of one booking. It never creates one: of one that does not exist, the condition fails. */
export interface Move {
  readonly set: Changes;
  /** Whether the booking leaves the index of those that are PENDING. */
  readonly leavesIndex: boolean;
  /** What it loses of what the service noted beside that. @default - nothing but what every move of its kind takes */
  readonly forgets?: readonly ServiceNote[];
  readonly condition: readonly Requirement[];
}

/** How often a write looks again at a booking that changed between its look and its write. Each time somebody else moved it. */
export const LOOKS = 5;

const PENDING: Requirement = { is: 'pending' };

/** What `slotIds` of a booking is, exactly as stored; undefined if it has none. A move without slots writes the booking alone. */
export type SeenSlots = AsStored | undefined;

const slotsAsSeen = (seen: SeenSlots): Requirement => ({ is: 'as-seen', what: 'slotIds', seen });
/** Whoever was told that a slot is another booking's has given the money back: the answer stays. */
const SLOTS_NOT_LOST: Requirement = { is: 'as-seen', what: 'slotsLostAtMs', seen: undefined };

/** What a move saw of the hold that it ends or extends, exactly as stored. */
export interface SeenHold {
  readonly deadline: AsStored | undefined;
  readonly holdStartedAtMs: AsStored | undefined;
  readonly slots: SeenSlots;
}

const holdAsSeen = ({ deadline, holdStartedAtMs }: SeenHold): Requirement[] => [
  { is: 'as-seen', what: 'deadline', seen: deadline },
  { is: 'as-seen', what: 'holdStartedAtMs', seen: holdStartedAtMs },
];

/** A move that is made of the very hold that was seen, and of no other one that the same id has by then. */
const ofThisHold = (seen: SeenHold, move: Move): Move => ({
  ...move,
  condition: [...move.condition, ...holdAsSeen(seen)],
});

/**
 * What a move that ends a hold requires of one with slots: a transaction does not say what it left behind, so that its answer is
 * made from what was seen, and that must still be so.
 */
const ofSlots = (seen: SeenHold | undefined, ...more: readonly Requirement[]): Requirement[] =>
  seen?.slots === undefined ? [slotsAsSeen(undefined)] : [slotsAsSeen(seen.slots), ...holdAsSeen(seen), ...more];

/**
 * PENDING → CONFIRMED: it was paid.
 *
 * @param seen the hold, if it has slots; undefined for a booking without any
 */
export const confirmMove = (nowMs: number, seen: SeenHold | undefined): Move => ({
  set: { status: 'CONFIRMED', confirmedAtMs: nowMs },
  leavesIndex: true,
  condition: [PENDING, { is: 'running', nowMs }, ...ofSlots(seen, SLOTS_NOT_LOST)],
});

/**
 * PENDING → CANCELLED.
 *
 * @param seen the hold, if it has slots; undefined for a booking without any
 */
export const cancelMove = (nowMs: number, seen: SeenHold | undefined): Move => ({
  set: { status: 'CANCELLED', cancelledAtMs: nowMs },
  leavesIndex: true,
  condition: [PENDING, { is: 'running', nowMs }, ...ofSlots(seen)],
});

/**
 * EXPIRED → CONFIRMED: it was paid after its hold had lapsed, and each of its slots is free or still its own. Only with its
 * slots in one transaction.
 *
 * @param seenExpiredAtMs the booking's `expiredAtMs` as stored: a late duplicate finds no later booking with the same id
 */
export const reviveMove = (nowMs: number, seenSlots: SeenSlots, seenExpiredAtMs: AsStored | undefined): Move => ({
  set: { status: 'CONFIRMED', confirmedAtMs: nowMs, revivedAtMs: nowMs },
  leavesIndex: true,
  condition: [
    { is: 'expired' },
    { is: 'as-seen', what: 'expiredAtMs', seen: seenExpiredAtMs },
    slotsAsSeen(seenSlots),
    SLOTS_NOT_LOST,
  ],
});

/**
 * Notes that a booking can never be confirmed, because a slot of it is another booking's. It is written before anybody is told
 * so: the slot may be free again a second later, and a repeated request must not be answered differently.
 *
 * @param seen the hold that was refused: a late duplicate does not refuse a later booking with the same id and slots
 * @param seenStatus PENDING or EXPIRED as stored
 */
export const loseSlotsMove = (
  nowMs: number,
  lostSlotIds: readonly string[],
  seen: SeenHold,
  seenStatus: AsStored | undefined,
): Move => {
  const { slots: seenSlots } = seen;
  return ofThisHold(seen, {
    set: { slotsLostAtMs: nowMs, lostSlotIds },
    leavesIndex: false,
    condition: [{ is: 'as-seen', what: 'status', seen: seenStatus }, slotsAsSeen(seenSlots), SLOTS_NOT_LOST],
  });
};

/**
 * CONFIRMED → CANCELLED. A write of its own, on condition of the very payment that was seen: a cancellation that was sent
 * while the booking was PENDING, and arrives late, cannot undo a payment.
 *
 * @param seenConfirmedAtMs the booking's `confirmedAtMs` as stored; undefined if it has none
 */
export const cancelConfirmedMove = (
  nowMs: number,
  seenConfirmedAtMs: AsStored | undefined,
  seenSlots: SeenSlots,
): Move => ({
  set: { status: 'CANCELLED', cancelledAtMs: nowMs },
  leavesIndex: true,
  condition: [
    { is: 'confirmed' },
    { is: 'as-seen', what: 'confirmedAtMs', seen: seenConfirmedAtMs },
    slotsAsSeen(seenSlots),
  ],
});

/**
 * A new deadline for a PENDING booking, on condition of the hold that was seen: a late duplicate of an extension finds
 * the hold that a newer one made. The start of the hold is a part of it, because a deadline may come back.
 */
export const extendMove = (deadlineMs: number, pendingShard: number, seen: SeenHold, nowMs: number): Move => ({
  set: { deadlineMs, holdStartedAtMs: nowMs, pendingShard },
  leavesIndex: false,
  condition: [
    PENDING,
    { is: 'running', nowMs },
    ...holdAsSeen(seen),
    slotsAsSeen(seen.slots),
    ...(seen.slots ? [SLOTS_NOT_LOST] : []),
  ],
});

/**
 * PENDING → EXPIRED.
 *
 * @param seenDeadline the deadline as stored, where deadlines are text
 */
export const expireMove = (nowMs: number, expiredBy: ExpiredBy, seenDeadline?: AsStored): Move => ({
  set: { status: 'EXPIRED', expiredAtMs: nowMs, expiredBy },
  leavesIndex: true,
  condition: [PENDING, { is: 'lapsed', nowMs, seenDeadline }],
});

/**
 * PENDING → EXPIRED for an item that is so large that it takes no attribute more. It keeps nothing that the service noted, not
 * even of an earlier expiry, whose time would be taken for this one's. Only the stream's record says when it expired.
 *
 * Our own two words have the same length, so that the write fits wherever the item does. In another table the word of an
 * expired item may be longer, and its owner may have the expiry set something: where that has no room, the item stays as it is
 * and is reported. An expiry by half, which its owner did not ask for, is worse.
 */
export const expireWithoutTraceMove = (nowMs: number, seenDeadline?: AsStored): Move => ({
  set: { status: 'EXPIRED' },
  leavesIndex: true,
  forgets: ['holdStartedAtMs', 'expiredAtMs', 'expiredBy'],
  condition: [PENDING, { is: 'lapsed', nowMs, seenDeadline }],
});

/** The attributes that make a sweep find a booking whose writer left them out, or had them wrong. */
export interface Adoption {
  readonly bookingId: string;
  /** The deadline that was seen, exactly as stored. If it has changed since, the newer record speaks for the booking. */
  readonly seenDeadline: AsStored;
  readonly pendingShard: number;
  /** Absent where the index goes by the booking's own deadline, or has the right one. */
  readonly indexedAtMs?: number;
  /** Absent where the start that the item has is right. */
  readonly holdStartedAtMs?: number;
}

/** Puts a PENDING booking into the index. */
export const adoptMove = ({ seenDeadline, pendingShard, indexedAtMs, holdStartedAtMs }: Adoption): Move => ({
  set: {
    pendingShard,
    ...(indexedAtMs !== undefined && { indexedAtMs }),
    ...(holdStartedAtMs !== undefined && { holdStartedAtMs }),
  },
  leavesIndex: false,
  condition: [PENDING, { is: 'as-seen', what: 'deadline', seen: seenDeadline }],
});

/**
 * Takes an item out of the index that a foreign writer settled without doing so, or whose status is none.
 *
 * @param seenStatus its status as it was seen, which is not PENDING; undefined if it has none
 */
export const leaveIndexMove = (seenStatus: AsStored | undefined): Move => ({
  set: {},
  leavesIndex: true,
  condition: [{ is: 'as-seen', what: 'status', seen: seenStatus }, { is: 'in-index' }],
});

/**
 * On what condition a booking that is settled or expired may be deleted: it is exactly as it was seen. So a request that
 * arrives again, late, does not delete another booking that has the same id since.
 */
export const deletionCondition = (
  seen: Readonly<Record<Exclude<Seen, 'slotIds' | 'slotsLostAtMs'>, AsStored | undefined>>,
): Requirement[] =>
  (Object.entries(seen) as [Seen, AsStored | undefined][]).map(([what, each]) => ({
    is: 'as-seen',
    what,
    seen: each,
  }));
