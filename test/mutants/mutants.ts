/** Ways to break the service, each as one replaced piece of text. The first are the defects that outside checks found. */

export interface Replacement {
  readonly file: string;
  /** A text that the file holds exactly once, and what stands there instead. */
  readonly find: string;
  readonly replace: string;
}

export interface Mutant extends Replacement {
  readonly name: string;
  /** The table of test/support/five-tables.ts whose histories are to find it. @default - our own bookings */
  readonly table?: string;
}

/** A mutant that the explorer is to find. */
export interface ExplorerMutant extends Mutant {
  /** Small worlds in which it is looked for: those whose name holds this text. */
  readonly world: string;
  /** What else is replaced. */
  readonly also?: readonly Replacement[];
}

// What the histories and the explorer are both to find.

export const NOBODY_LOOKS: Mutant = {
  name: 'G2: nobody looks for what is in no index',
  file: 'functions/sweep.ts',
  find: 'mayContinue() ? await look(ports, mayContinue) : NOT_LOOKED',
  replace: 'mayContinue() && event === null ? await look(ports, mayContinue) : NOT_LOOKED',
};

export const NEW_HOLD_TAKEN_FOR_OLD: Mutant = {
  name: 'G5: a hold that begins anew with the same deadline is taken for the old one',
  file: 'functions/core/expiry-decisions.ts',
  find: 'return before.holdStartedAtMs === after.holdStartedAtMs || isAdoption;',
  replace: 'return before !== undefined || isAdoption;',
};

export const EVERY_NOTE_BELIEVED: Mutant = {
  name: 'G6, G7: a sweep believes every note',
  file: 'functions/core/hold-time.ts',
  find: 'const isVoid = scheduledThroughMs > throughMs + HORIZON_TOLERANCE_MS;',
  replace: 'const isVoid = scheduledThroughMs > 1e14;',
};

export const NEAR_NOW_TAKEN_FOR_SCHEDULED: Mutant = {
  name: 'G6: what is near by the settings of now is taken for scheduled',
  file: 'functions/core/sweep.ts',
  find: 'if (comesNear(row) && !hasTimerOfItsStart(row, atMs)) {',
  replace:
    'if (comesNear(row) && !hasTimerOfItsStart(row, atMs) && row.expiresAtMs - (row.holdStartedAtMs ?? 0) > request.settings.sweepIntervalMs + 600_000) {',
};

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'A1: what is permanent is tried for ever',
    file: 'functions/adapters/permanent-error.ts',
    find: 'if (!(error instanceof Error)) return false;',
    replace: 'return false;\n  if (!(error instanceof Error)) return false;',
  },
  {
    name: 'A1: an id goes into a timer as it is',
    file: 'functions/core/expiry-timer.ts',
    find: 'asciiJson({ v: TIMER_VERSION, bookingId, expiresAtMs, ',
    replace: 'JSON.stringify({ v: TIMER_VERSION, bookingId, expiresAtMs, ',
  },
  {
    name: 'A2: an adoption compares with the deadline as it was read, and takes a refusal for done',
    file: 'functions/adapters/held-items.ts',
    find: '        write: writeOfMove(this.#shape, adoptMove(adoption)),\n      })),\n    );',
    replace:
      '        write: writeOfMove(this.#shape, adoptMove({ ...adoption, seenDeadline: { stored: { N: String(Math.ceil(Number((adoption.seenDeadline.stored as { N: string }).N))) } } })),\n      })),\n    );\n    if (answers) return new Map(adoptions.map(({ bookingId }) => [bookingId, answers.get(bookingId)?.kind === "failed" ? answers.get(bookingId) as never : { kind: "adopted" }]));',
  },
  {
    name: 'A2: a deadline is rounded down',
    file: 'functions/core/hold-time.ts',
    find: 'const expiresAtMs = hasFraction ? floor + 1 : floor;',
    replace: 'const expiresAtMs = hasFraction ? floor : floor;',
  },
  {
    name: 'A3: an extension does not mind which hold it extends',
    file: 'functions/core/moves.ts',
    find: '    ...holdAsSeen(seen),\n',
    replace: '',
  },
  {
    name: 'A3: a cancellation that was sent while the booking was PENDING cancels a confirmed one too',
    file: 'functions/core/moves.ts',
    find: "  set: { status: 'CANCELLED', cancelledAtMs: nowMs },\n  leavesIndex: true,\n  condition: [PENDING, { is: 'running', nowMs }, ",
    replace:
      "  set: { status: 'CANCELLED', cancelledAtMs: nowMs },\n  leavesIndex: true,\n  condition: [{ is: 'running', nowMs }, ",
  },
  {
    name: 'A4: a write whose answer was lost is taken for somebody else’s',
    file: 'functions/table/answers.ts',
    find: 'return mayHaveBeenMade && isOurs ?',
    replace: 'return mayHaveBeenMade && isOurs && !isOurs ?',
  },
  {
    name: 'A5: details are marshalled by what their constructor is called',
    file: 'functions/table/item.ts',
    find: '  if (json === null) return { NULL: true };\n',
    replace:
      "  if (json === null) return { NULL: true };\n  if ((json as { constructor: { name: string } }).constructor?.name === 'Set') return { SS: ['x'] };\n",
  },
  {
    name: 'A6: an event is published with whatever its details are',
    file: 'functions/adapters/event-bus.ts',
    find: 'return whole.bytes <= MAX_BYTES ? whole :',
    replace: 'return whole.bytes <= 1e9 ? whole :',
  },
  {
    name: 'expires early',
    file: 'functions/table/write-of-move.ts',
    find: 'const { earliest, now } = deadlineBounds(shape, required.nowMs);',
    replace: 'const { earliest, now } = deadlineBounds(shape, required.nowMs + 1_000);',
  },
  {
    name: 'confirms after the deadline',
    file: 'functions/table/write-of-move.ts',
    find: 'numberOf(deadlineBounds(shape, required.nowMs).now)',
    replace: 'numberOf(deadlineBounds(shape, required.nowMs - 1_000).now)',
  },
  {
    name: 'confirms what is not PENDING',
    file: 'functions/core/moves.ts',
    find: "  set: { status: 'CONFIRMED', confirmedAtMs: nowMs },\n  leavesIndex: true,\n  condition: [PENDING, { is: 'running', nowMs }, ",
    replace:
      "  set: { status: 'CONFIRMED', confirmedAtMs: nowMs },\n  leavesIndex: true,\n  condition: [{ is: 'running', nowMs }, ",
  },
  {
    name: 'a sweep moves on although timers were not sent',
    file: 'functions/core/sweep.ts',
    find: 'undoneFromMs = Math.min(undoneFromMs, dueAtMs.get(scheduled) ?? nowMs);',
    replace: '',
  },
  {
    name: 'events that failed are dropped',
    file: 'functions/publish-events.ts',
    find: 'return failedRecords(failed);',
    replace: 'return failedRecords([]);',
  },
  {
    name: 'timers that failed are dropped',
    file: 'functions/expire-booking.ts',
    find: "outcome.kind === 'failed' ? messages.map",
    replace: "outcome.kind === ('never' as string) ? messages.map",
  },
  {
    name: 'G1: a sweep looks into the first shards only',
    file: 'functions/core/sweep.ts',
    find: 'await pMap(LEGAL_SHARDS, workOff',
    replace: 'await pMap(LEGAL_SHARDS.slice(0, 10), workOff',
  },
  NOBODY_LOOKS,
  {
    name: 'G2: a patrol stays on its first page',
    file: 'functions/core/left-out.ts',
    find: '    cursor = page.cursor;\n    if (cursor === undefined) {\n      isWhole = false;',
    replace: '    cursor = isWhole ? page.cursor : undefined;\n    if (cursor === undefined) {\n      isWhole = false;',
  },
  {
    name: 'G4: neither a read nor a refusal makes true that a hold has lapsed',
    file: 'functions/adapters/booking-store.ts',
    find: "if (booking?.status !== 'PENDING' || effectiveStatus(booking, nowMs) !== 'EXPIRED') return item;",
    replace: 'if (booking !== null) return item;',
  },
  NEW_HOLD_TAKEN_FOR_OLD,
  EVERY_NOTE_BELIEVED,
  NEAR_NOW_TAKEN_FOR_SCHEDULED,
];
