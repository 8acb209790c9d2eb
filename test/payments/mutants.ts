/**
 * Mistakes, each as one replaced piece of text: those that shops make, and those that the store could make. The histories must
 * find each of them.
 */
import type { Replacement } from '../mutants/mutants.ts';

export interface PaymentMutant extends Replacement {
  readonly name: string;
  /** What is replaced beside that. */
  readonly also?: readonly Replacement[];
}

const ANSWERS = 'docs/examples/payments/answers.ts';
const CHECKOUT = 'docs/examples/payments/checkout.ts';
const PAYMENT = 'docs/examples/payments/payment.ts';
const IN_MEMORY = 'docs/examples/payments/payments-in-memory.ts';
const STORE = 'functions/adapters/booking-store.ts';
const MOVES = 'functions/core/moves.ts';
const SLOTTED = 'functions/adapters/slotted-bookings.ts';

export const PAYMENT_MUTANTS: readonly PaymentMutant[] = [
  {
    name: 'the shop takes a 503 for a refusal',
    file: ANSWERS,
    find: "if (isTrouble(answer)) return 'ask-again';",
    replace: "if (isTrouble(answer)) return 'over';",
  },
  {
    name: 'the shop has two policies: what a webhook refunds, the next process revives',
    file: CHECKOUT,
    find: 'const answer = await this.#ports.bookings.confirm(payment.bookingId, confirmBody(this.#ports.policy));',
    replace:
      "const answer = await this.#ports.bookings.confirm(payment.bookingId, confirmBody(this.#ports.clock() % 2 ? 'plain' : 'revive'));",
  },
  {
    name: 'the shop gives back a payment each time under another key',
    file: CHECKOUT,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of the file
    find: '`refund-${payment.bookingId}`',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of the file
    replace: '`refund-${this.#ports.clock()}`',
  },
  {
    name: 'the shop writes over what another process of it has noted',
    file: IN_MEMORY,
    find: 'if (this.#rows.get(payment.bookingId)?.version !== payment.version - 1) return false;',
    replace: '',
  },
  {
    name: 'the shop cancels a lapsed booking while a revival may be on its way, and takes EXPIRED for the end',
    file: ANSWERS,
    find: "return meaning === 'lapsed' && !mayRevive ? 'over' : meaning;",
    replace: "return meaning === 'lapsed' ? 'over' : meaning;",
  },
  {
    name: 'the shop sends a confirmation that it has not noted',
    file: CHECKOUT,
    find: 'if (!payment.confirmAsked) return { confirmAsked: true };',
    replace: '',
  },
  {
    name: 'the shop confirms as soon as the customer is at the bank',
    file: PAYMENT,
    find: "    case 'open':\n      return nowMs >= holdUntilMs",
    replace: "    case 'authenticating':\n      return 'confirm';\n    case 'open':\n      return nowMs >= holdUntilMs",
  },
  {
    name: 'the shop keeps a booking whose money the bank did not give after all',
    file: PAYMENT,
    find: "    case 'ended':\n      return 'give-up';",
    replace: "    case 'ended':\n      return isConfirmed ? 'keep' : 'give-up';",
  },
  {
    name: 'the shop does not look again at refunds that it owes',
    file: IN_MEMORY,
    find: "stage !== 'closed' && stage !== 'refunded'",
    replace: "stage !== 'closed' && stage !== 'refunded' && stage !== 'refund-due'",
  },
  {
    name: 'the shop ends a session and does not look whether it was paid meanwhile',
    file: PAYMENT,
    find: "      return 'owe-refund';\n    case 'ended':",
    replace: "      return 'close';\n    case 'ended':",
  },
  {
    name: 'the shop gives money back, and then notes why: the booking is CONFIRMED still',
    file: CHECKOUT,
    find: "case 'end-booking':\n        return (await this.#endBooking(payment)) ? { isOver: true } : undefined;",
    replace: "case 'end-booking':\n        return { isOver: true };",
  },
  {
    name: 'the store says that slots are lost, and does not mark the booking',
    file: STORE,
    find: 'const answer = await this.#write(bookingId, move);\n    const booking =',
    replace:
      "const answer: WriteAnswer = move && { kind: 'made', item: { ...item, lostSlotIds: { L: [] } } };\n    const booking =",
  },
  {
    name: 'a revival does not look for the mark',
    file: MOVES,
    find: '    slotsAsSeen(seenSlots),\n    SLOTS_NOT_LOST,\n  ],\n});\n\n/**\n * Notes',
    replace: '    slotsAsSeen(seenSlots),\n  ],\n});\n\n/**\n * Notes',
    also: [
      {
        file: STORE,
        find: "if (hasLostSlots(booking)) return lostSlots(booking);\n      if (booking.status !== 'EXPIRED'",
        replace: "if (booking.status !== 'EXPIRED'",
      },
      { file: STORE, find: 'if (found && hasLostSlots(found)) return lostSlots(found);', replace: '' },
    ],
  },
  {
    name: 'the store does not mind whether slots are another’s',
    file: SLOTTED,
    find: "if (taken.length > 0) return { kind: 'slots-taken', slots: taken, atMs: nowMs };",
    replace: '',
  },
  {
    name: 'a slot goes to the next without its booking being asked, and a confirmation takes it whoever has it',
    file: STORE,
    find: 'takeSlot(table, slotId, owner, isOwn(owner));',
    replace: 'takeSlot(table, slotId, owner, [[]]);',
    also: [
      {
        file: SLOTTED,
        find: 'Promise.all(ids.map(async (id) => [id, await owners.read(id, nowMs)] as const))',
        replace: 'owners && ids.map((id) => [id, undefined] as const)',
      },
    ],
  },
  {
    name: 'a revival brings back what was cancelled',
    file: MOVES,
    find: "    { is: 'expired' },\n    { is: 'as-seen', what: 'expiredAtMs', seen: seenExpiredAtMs },",
    replace: '',
    also: [
      {
        file: STORE,
        find: "if (booking.status !== 'EXPIRED' || booking.slotIds === undefined) {",
        replace: 'if (booking.slotIds === undefined) {',
      },
      {
        file: STORE,
        find: "outcome.kind === 'refused' && outcome.found === 'EXPIRED';",
        replace: "outcome.kind === 'refused';",
      },
    ],
  },
  {
    name: 'a refusal says EXPIRED of a booking that nothing has marked',
    file: STORE,
    find: "answer.kind === 'made' ? answer.item : await this.#madeTrue(bookingId, answer.found, nowMs)",
    replace: "answer.kind === 'made' ? answer.item : answer.found",
  },
];
