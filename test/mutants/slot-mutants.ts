/**
 * Ways to break slots: each leaves out one condition of a transaction, or one part of what keeps a slot from being sold twice.
 * Random histories find most of them; those that need another booking under the same id, or items of strangers, a test.
 */
import type { Mutant } from './mutants.ts';

const ITEMS = 'functions/table/slot-items.ts';
const MOVES = 'functions/core/moves.ts';
const STORE = 'functions/adapters/booking-store.ts';
const SLOTTED = 'functions/adapters/slotted-bookings.ts';

/** What finds it: histories in memory, or this test file. */
export type SlotMutant = Mutant & ({ readonly table: 'slots' } | { readonly tests: string });

const inMemory = { table: 'slots' } as const;
const AT_ONCE = { tests: 'test/slots/moves-at-once.test.ts' } as const;
const TRANSACTIONS = { tests: 'test/table/transactions.test.ts' } as const;
const CONDITIONS = { tests: 'test/slots/slot-conditions.test.ts' } as const;

const CONDITION_MUTANTS: readonly SlotMutant[] = [
  {
    name: 'S1: what was free when it was looked at, without an item, is claimed whatever it is since',
    ...inMemory,
    file: ITEMS,
    find: '    ? [noItem]\n',
    replace: '    ? [[]]\n',
  },
  ...['bookingId', 'state', 'heldUntilMs'].map(
    (attribute): SlotMutant => ({
      name: `S1: a slot that was free is claimed without minding its ${attribute} since`,
      ...CONDITIONS,
      file: ITEMS,
      find: '[bookingId, state, heldUntilMs].map(',
      replace: `[bookingId, state, heldUntilMs].filter((each) => each !== ${attribute}).map(`,
    }),
  ),
  {
    name: 'S1: a slot that was free when it was looked at is claimed, whatever it is since',
    ...inMemory,
    file: ITEMS,
    find: '[[bookingId, state, heldUntilMs].map(',
    replace: '[[state].slice(1).map(',
  },
  {
    name: 'S1: a booking may not claim what is held under its own id',
    ...inMemory,
    file: SLOTTED,
    find: "if (slot.state === 'HELD' && slot.bookingId === wanting) {",
    replace: "if (slot.state === 'HELD' && slot.bookingId === wanting.concat('?')) {",
  },
  {
    name: 'S1: a booking claims what was sold under its own id',
    ...inMemory,
    file: SLOTTED,
    find: "if (slot.state === 'HELD' && slot.bookingId === wanting) {",
    replace:
      'if (slot.bookingId === wanting) {\n        if (item?.state?.S === "TAKEN") { conditions.push([[]]); continue; }',
  },
  {
    name: 'S1: a booking claims under its own id what was sold since it looked',
    ...CONDITIONS,
    file: ITEMS,
    find: "  [{ attribute: state, is: 'equal', value: 'HELD' }, ownedBy(owner)],",
    replace: '  [ownedBy(owner)],',
  },
  {
    name: 'S1: a booking claims as its own what another holds since it looked',
    ...CONDITIONS,
    file: ITEMS,
    find: "  [{ attribute: state, is: 'equal', value: 'HELD' }, ownedBy(owner)],",
    replace: "  [{ attribute: state, is: 'equal', value: 'HELD' }],",
  },
  {
    name: 'S1: a slot is claimed while another holds it',
    ...inMemory,
    file: SLOTTED,
    find: '    if (taken.length > 0) return',
    replace: '    if (taken.length > 99) return',
  },
  {
    name: 'S1: a booking may be created over another one',
    ...inMemory,
    file: SLOTTED,
    find: "anyOf: [[{ attribute: this.#keyName, is: 'absent' }]],",
    replace: 'anyOf: [[]],',
  },
  {
    name: 'S2: a hold that lapses now is still refused',
    ...inMemory,
    file: 'functions/core/slots.ts',
    find: 'heldUntilMs <= nowMs',
    replace: 'heldUntilMs < nowMs',
  },
  {
    name: 'S2: a hold is taken a millisecond before it lapses',
    ...inMemory,
    file: 'functions/core/slots.ts',
    find: 'heldUntilMs <= nowMs',
    replace: 'heldUntilMs <= nowMs + 1',
  },
  {
    name: 'S2: a slot goes to the next, and nobody asks the booking that held it',
    ...inMemory,
    file: SLOTTED,
    find: 'async (id) => [id, await owners.read(id, nowMs)] as const)',
    replace: 'async (id) => [id, undefined] as const)',
  },
  {
    name: 'S3: a slot without an item is not one’s own',
    ...inMemory,
    file: ITEMS,
    find: '=> [noItem, [ownedBy(owner)]];',
    replace: '=> [[ownedBy(owner)]];',
  },
  {
    name: 'S3: a slot with an item is nobody’s own',
    ...inMemory,
    file: ITEMS,
    find: '=> [noItem, [ownedBy(owner)]];',
    replace: "=> [noItem, [ownedBy(owner + '?')]];",
  },
  {
    name: 'S3: a slot is everybody’s own',
    ...CONDITIONS,
    file: ITEMS,
    find: '=> [noItem, [ownedBy(owner)]];',
    replace: '=> [[], [ownedBy(owner)]];',
  },
  {
    name: 'S3: an extension holds a slot, whoever has it',
    ...AT_ONCE,
    file: STORE,
    find: 'holdSlot(table, slotId, owner, expiresAtMs, isOwn(owner));',
    replace: 'holdSlot(table, slotId, owner, expiresAtMs, isOwn(owner) && [[]]);',
  },
  {
    name: 'S3: a confirmation takes a slot, whoever has it',
    ...AT_ONCE,
    file: STORE,
    find: 'takeSlot(table, slotId, owner, isOwn(owner));',
    replace: 'takeSlot(table, slotId, owner, isOwn(owner) && [[]]);',
  },
  {
    name: 'S3: a cancellation frees a slot, whoever has it',
    ...CONDITIONS,
    file: ITEMS,
    find: '  anyOf: isOwn(owner),',
    replace: '  anyOf: [[]],',
  },
  {
    name: 'S5: a slot that is sold is purged',
    ...inMemory,
    file: ITEMS,
    find: "[state]: { S: 'TAKEN' } },",
    replace: "[state]: { S: 'TAKEN' }, [purgeAt]: { N: '1800000000' } },",
  },
];

const MOVE_MUTANTS: readonly SlotMutant[] = [
  {
    name: 'S6: a payment confirms what is not PENDING',
    ...inMemory,
    file: MOVES,
    find: "[PENDING, { is: 'running', nowMs }, ...ofSlots(seen, SLOTS_NOT_LOST)]",
    replace: "[{ is: 'running', nowMs }, ...ofSlots(seen, SLOTS_NOT_LOST)]",
  },
  {
    name: 'S6: a payment confirms what has lapsed',
    ...inMemory,
    file: MOVES,
    find: "[PENDING, { is: 'running', nowMs }, ...ofSlots(seen, SLOTS_NOT_LOST)]",
    replace: '[PENDING, ...ofSlots(seen, SLOTS_NOT_LOST)]',
  },
  {
    name: 'S6: a payment confirms what was refused for good',
    ...AT_ONCE,
    file: MOVES,
    find: '...ofSlots(seen, SLOTS_NOT_LOST)',
    replace: '...ofSlots(seen)',
  },
  {
    name: 'S6: a cancellation of what is held cancels what is not',
    ...AT_ONCE,
    file: MOVES,
    find: "[PENDING, { is: 'running', nowMs }, ...ofSlots(seen)]",
    replace: "[{ is: 'running', nowMs }, ...ofSlots(seen)]",
  },
  {
    name: 'S6: a cancellation of what is held cancels what has lapsed',
    ...AT_ONCE,
    file: MOVES,
    find: "[PENDING, { is: 'running', nowMs }, ...ofSlots(seen)]",
    replace: '[PENDING, ...ofSlots(seen)]',
  },
  {
    name: 'S7: a booking is moved as one without slots whether it has some or not',
    ...inMemory,
    file: MOVES,
    find: 'seen?.slots === undefined ? [slotsAsSeen(undefined)] :',
    replace: 'seen?.slots === undefined ? [] :',
  },
  {
    name: 'S7: a move takes the slots that it saw for those that the booking has',
    ...AT_ONCE,
    file: MOVES,
    find: '[slotsAsSeen(seen.slots), ...holdAsSeen(seen), ...more]',
    replace: '[...holdAsSeen(seen), ...more]',
  },
  {
    name: 'S7: a move takes the hold that it saw for the one that there is',
    ...AT_ONCE,
    file: MOVES,
    find: '[slotsAsSeen(seen.slots), ...holdAsSeen(seen), ...more]',
    replace: '[slotsAsSeen(seen.slots), ...more]',
  },
  {
    name: 'S7: a move does not mind when the hold began that it saw',
    ...AT_ONCE,
    file: MOVES,
    find: "  { is: 'as-seen', what: 'holdStartedAtMs', seen: holdStartedAtMs },\n];",
    replace: '  ...(holdStartedAtMs ? [] : []),\n];',
  },
  {
    name: 'S7: a move does not mind until when the hold was that it saw',
    ...AT_ONCE,
    file: MOVES,
    find: "  { is: 'as-seen', what: 'deadline', seen: deadline },\n  { is: 'as-seen', what: 'holdStartedAtMs', seen: holdStartedAtMs },\n];",
    replace:
      "  ...(deadline ? [] : []),\n  ...(process.env.NEVER ? [] : [{ is: 'as-seen' as const, what: 'slotIds' as const, seen: slots }]),\n];",
  },
  {
    name: 'S8: a revival confirms what is not EXPIRED',
    ...AT_ONCE,
    file: MOVES,
    find: "    { is: 'expired' },\n",
    replace: '',
  },
  {
    name: 'S8: a revival does not mind when the booking expired',
    ...AT_ONCE,
    file: MOVES,
    find: "    { is: 'as-seen', what: 'expiredAtMs', seen: seenExpiredAtMs },\n    slotsAsSeen(seenSlots),\n    SLOTS_NOT_LOST,",
    replace: '    ...(seenExpiredAtMs ? [] : []),\n    slotsAsSeen(seenSlots),\n    SLOTS_NOT_LOST,',
  },
  {
    name: 'S8: a revival takes the slots that it saw for those that the booking has',
    ...AT_ONCE,
    file: MOVES,
    find: '    slotsAsSeen(seenSlots),\n    SLOTS_NOT_LOST,',
    replace: '    ...(seenSlots ? [] : []),\n    SLOTS_NOT_LOST,',
  },
  {
    name: 'S8: a revival confirms what was refused for good meanwhile',
    ...AT_ONCE,
    file: MOVES,
    find: '    slotsAsSeen(seenSlots),\n    SLOTS_NOT_LOST,',
    replace: '    slotsAsSeen(seenSlots),',
  },
  {
    name: 'S9: that slots are lost is noted whatever the booking is by then',
    ...AT_ONCE,
    file: MOVES,
    find: "[{ is: 'as-seen', what: 'status', seen: seenStatus }, slotsAsSeen(seenSlots), SLOTS_NOT_LOST]",
    replace: '[slotsAsSeen(seenSlots), SLOTS_NOT_LOST, ...(seenStatus ? [] : [])]',
  },
  {
    name: 'S9: that slots are lost is noted of a booking that has others',
    ...AT_ONCE,
    file: MOVES,
    find: 'seen: seenStatus }, slotsAsSeen(seenSlots), SLOTS_NOT_LOST]',
    replace: 'seen: seenStatus }, ...(seenSlots ? [] : []), SLOTS_NOT_LOST]',
  },
  {
    name: 'S9: that slots are lost is noted of a booking that has the same ones in another hold',
    ...AT_ONCE,
    file: MOVES,
    find: '  condition: [...move.condition, ...holdAsSeen(seen)],\n',
    replace: '',
  },
  {
    name: 'S9: that slots are lost is noted once more',
    ...AT_ONCE,
    file: MOVES,
    find: 'seen: seenStatus }, slotsAsSeen(seenSlots), SLOTS_NOT_LOST]',
    replace: 'seen: seenStatus }, slotsAsSeen(seenSlots)]',
  },
  {
    name: 'S10: a cancellation of what is paid cancels what is not',
    ...AT_ONCE,
    file: MOVES,
    find: "    { is: 'confirmed' },\n",
    replace: '',
  },
  {
    name: 'S10: a cancellation of what is paid does not mind which payment it saw',
    ...AT_ONCE,
    file: MOVES,
    find: "    { is: 'as-seen', what: 'confirmedAtMs', seen: seenConfirmedAtMs },\n",
    replace: '    ...(seenConfirmedAtMs ? [] : []),\n',
  },
  {
    name: 'S10: a cancellation of what is paid takes the slots that it saw for those that the booking has',
    ...AT_ONCE,
    file: MOVES,
    find: 'seen: seenConfirmedAtMs },\n    slotsAsSeen(seenSlots),',
    replace: 'seen: seenConfirmedAtMs },\n    ...(seenSlots ? [] : []),',
  },
  {
    name: 'S11: an extension extends what is not PENDING',
    ...AT_ONCE,
    file: MOVES,
    find: "    PENDING,\n    { is: 'running', nowMs },\n    ...holdAsSeen(seen),",
    replace: "    { is: 'running', nowMs },\n    ...holdAsSeen(seen),",
  },
  {
    name: 'S11: an extension extends what has lapsed',
    ...AT_ONCE,
    file: MOVES,
    find: "    { is: 'running', nowMs },\n    ...holdAsSeen(seen),",
    replace: '    ...holdAsSeen(seen),',
  },
  {
    name: 'S11: an extension does not mind which hold it saw',
    ...AT_ONCE,
    file: MOVES,
    find: '    ...holdAsSeen(seen),\n    slotsAsSeen(seen.slots),',
    replace: '    slotsAsSeen(seen.slots),',
  },
  {
    name: 'S11: an extension takes the slots that it saw for those that the booking has',
    ...AT_ONCE,
    file: MOVES,
    find: '    ...holdAsSeen(seen),\n    slotsAsSeen(seen.slots),',
    replace: '    ...holdAsSeen(seen),',
  },
  {
    name: 'S11: an extension extends what was refused for good meanwhile',
    ...AT_ONCE,
    file: MOVES,
    find: '...(seen.slots ? [SLOTS_NOT_LOST] : []),',
    replace: '',
  },
];

const STORE_MUTANTS: readonly SlotMutant[] = [
  {
    name: 'S12: a booking is created without its slots',
    ...inMemory,
    file: SLOTTED,
    find: 'transact([booking, ...claims])',
    replace: 'transact([booking, ...claims.slice(1)])',
  },
  {
    name: 'S12: a booking gets no slots, created or revived',
    ...inMemory,
    file: SLOTTED,
    find: 'transact([booking, ...claims])',
    replace: 'transact([booking])',
  },
  {
    name: 'S12: a booking is moved without its slots',
    ...inMemory,
    file: SLOTTED,
    find: '          ...own.map(',
    replace: '          ...own.slice(1).map(',
  },
  {
    name: 'S12: a booking that gives its slots back wants all that it had',
    ...AT_ONCE,
    file: STORE,
    find: 'const skipsLost = slotWrite === freeSlot;',
    replace: 'const skipsLost = slotWrite === undefined;',
  },
  {
    name: 'S12: a booking that is paid takes what is left of its slots',
    ...AT_ONCE,
    file: STORE,
    find: 'const skipsLost = slotWrite === freeSlot;',
    replace: 'const skipsLost = slotWrite !== undefined;',
  },
  {
    name: 'S13: a payment is refused for good, and nobody notes it',
    ...AT_ONCE,
    file: STORE,
    find: "    if (answer.kind === 'slots-taken') return this.#loseSlots(bookingId, answer, atMs, again);",
    replace:
      "    if (answer.kind === 'slots-taken') return { kind: 'slots-taken', booking: bookingOf(answer.item) as Booking, slots: answer.slots };",
  },
  {
    name: 'S13: a revival is refused for good, and nobody notes it',
    ...inMemory,
    file: STORE,
    find: '        return this.#loseSlots(bookingId, { ...answer, item }, answer.atMs, again);',
    replace: "        return { kind: 'slots-taken', booking, slots: answer.slots };",
  },
  {
    name: 'S13: a payment that was refused for good is refused as one that came too late',
    ...inMemory,
    file: STORE,
    find: '    if (found && hasLostSlots(found)) return lostSlots(found);\n',
    replace: '',
  },
  {
    name: 'S13: that slots are lost is said although the note was not made',
    ...AT_ONCE,
    file: STORE,
    find: 'return booking ? lostSlots(booking) : again();',
    replace: 'return lostSlots(booking ?? (bookingOf(item) as Booking));',
  },
  {
    name: 'S14: a repeated creation is answered by a look at its slots alone',
    ...inMemory,
    file: SLOTTED,
    find: 'return found === undefined ? answer :',
    replace: 'return found !== null ? answer :',
  },
  {
    name: 'S14: a move is answered by the clock of its first try',
    ...AT_ONCE,
    file: STORE,
    find: '    const { atMs: nowMs } = answer;\n',
    replace: '    const nowMs = Number.NEGATIVE_INFINITY;\n',
  },
  {
    name: 'S14: each try is made by the clock of the first',
    ...AT_ONCE,
    file: 'functions/adapters/contention.ts',
    find: 'attempt(nowMs + passedMs)',
    replace: 'attempt(nowMs + passedMs * 0)',
  },
  {
    name: 'S15: a transaction whose answer was lost is taken for somebody else’s',
    ...inMemory,
    file: 'functions/table/answers.ts',
    find: 'return mayHaveBeenMade && found.every(',
    replace: 'return !mayHaveBeenMade && found.every(',
  },
  {
    name: 'S15: the SDK’s second try is not known to be one',
    tests: 'test/slots/transactions.test.ts',
    file: 'functions/adapters/dynamodb-transactions.ts',
    find: '(error.$metadata?.attempts ?? 1) > 1',
    replace: '(error.$metadata?.attempts ?? 1) > 9',
  },
  {
    name: 'S16: a transaction tells nothing of what refused it',
    ...TRANSACTIONS,
    file: 'functions/adapters/dynamodb-transactions.ts',
    find: '{ refused: true, found: reason.Item }',
    replace: '{ refused: true, found: undefined }',
  },
  {
    name: 'S16: of several alternatives the last one must hold',
    ...TRANSACTIONS,
    file: 'functions/table/expressions.ts',
    find: 'ConditionExpression: anyOf.map(',
    replace: 'ConditionExpression: anyOf.slice(-1).map(',
  },
];

export const SLOT_MUTANTS: readonly SlotMutant[] = [...CONDITION_MUTANTS, ...MOVE_MUTANTS, ...STORE_MUTANTS];
