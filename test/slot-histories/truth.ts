/**
 * What must be true of bookings that claim slots, in as few lines as it can be said: the whole truth that every history and
 * every recorded race is checked against. Each act takes effect at one moment, by one clock.
 */

export interface HeldBooking {
  readonly status: string;
  readonly expiresAtMs: number;
  readonly slotIds: readonly string[];
  /** Slots of it that were another booking's when its payment was refused for good. */
  readonly lost?: readonly string[];
}

/** Whose a slot is: held until a time, or taken, which has no end. */
export interface OwnedSlot {
  readonly owner: string;
  readonly untilMs?: number;
}

/** What there is, by ids. */
export interface State {
  readonly bookings: Readonly<Record<string, HeldBooking>>;
  readonly slots: Readonly<Record<string, OwnedSlot>>;
}

export const NOTHING: State = { bookings: {}, slots: {} };

/** What somebody does. */
export type Act =
  | { readonly do: 'create'; readonly id: string; readonly expiresAtMs: number; readonly slotIds: readonly string[] }
  | { readonly do: 'confirm'; readonly id: string; readonly revives: boolean }
  | { readonly do: 'extend'; readonly id: string; readonly expiresAtMs: number }
  /** One that was sent while its booking was not paid, and arrives late, cancels what is held only. */
  | { readonly do: 'cancel'; readonly id: string; readonly onlyHeld?: boolean }
  /** To expire is to mark what has lapsed, as timers and sweeps do. */
  | { readonly do: 'read' | 'delete' | 'expire'; readonly id: string }
  | { readonly do: 'look-up'; readonly slotId: string };

/** What somebody is told. Of a booking it is the effective status and the deadline. */
export type Told =
  | {
      readonly kind: 'created' | 'exists' | 'moved' | 'unchanged' | 'refused' | 'found';
      readonly status: string;
      readonly expiresAtMs: number;
    }
  | { readonly kind: 'missing' | 'deleted' | 'expired' }
  | { readonly kind: 'slots-taken'; readonly slotIds: readonly string[] }
  | { readonly kind: 'slot'; readonly state: string; readonly owner?: string; readonly untilMs?: number };

/** A slot as anybody sees it by a clock: undefined from the millisecond on at which its hold lapses. */
const heldSlot = (slot: OwnedSlot | undefined, nowMs: number): OwnedSlot | undefined =>
  slot?.untilMs !== undefined && slot.untilMs <= nowMs ? undefined : slot;

const seen = (slot: OwnedSlot | undefined): Told => {
  if (slot === undefined) return { kind: 'slot', state: 'FREE' };
  return { kind: 'slot', state: slot.untilMs === undefined ? 'TAKEN' : 'HELD', ...slot };
};

const isRunning = ({ status, expiresAtMs }: HeldBooking, nowMs: number): boolean =>
  status === 'PENDING' && expiresAtMs > nowMs;

/** A booking after somebody was told by this clock what it is: that is so from then on. */
const marked = (booking: HeldBooking, nowMs: number): HeldBooking =>
  booking.status === 'PENDING' && booking.expiresAtMs <= nowMs ? { ...booking, status: 'EXPIRED' } : booking;

const withBooking = (state: State, id: string, booking: HeldBooking): State => ({
  ...state,
  bookings: { ...state.bookings, [id]: booking },
});

const withSlots = (state: State, slotIds: readonly string[], slot: OwnedSlot): State => ({
  ...state,
  slots: { ...state.slots, ...Object.fromEntries(slotIds.map((slotId) => [slotId, slot])) },
});

const without = <T>(all: Readonly<Record<string, T>>, isGone: (name: string) => boolean): Record<string, T> =>
  Object.fromEntries(Object.entries(all).filter(([name]) => !isGone(name)));

/** A booking is marked if it has lapsed, and its effective status is told. */
export const mark = (state: State, id: string, nowMs: number): State => {
  const booking = state.bookings[id];
  return booking === undefined ? state : withBooking(state, id, marked(booking, nowMs));
};

/** Whether an act comes to look at slots: a booking that is there already needs none, nor does one that is paid in time. */
const isWanting = (state: State, act: Act, nowMs: number): boolean => {
  if (act.do === 'create') return true;
  const booking = act.do === 'confirm' && act.revives ? state.bookings[act.id] : undefined;
  return booking !== undefined && booking.lost === undefined && marked(booking, nowMs).status === 'EXPIRED';
};

/** Bookings whose holds of slots have lapsed that an act wants: each is marked before its slot goes to another. */
export const lapsedOwners = (state: State, act: Act, nowMs: number): string[] => {
  const wanted =
    act.do === 'create'
      ? act.slotIds
      : act.do === 'confirm' && act.revives
        ? state.bookings[act.id]?.slotIds
        : undefined;
  const owners = (wanted ?? []).flatMap((slotId) => {
    const slot = state.slots[slotId];
    return slot && heldSlot(slot, nowMs) === undefined ? [slot.owner] : [];
  });
  return [...new Set(owners)];
};

/** What is answered to an act, and what there is after it. */
export const done = (before: State, act: Act, nowMs: number): readonly [Told, State] => {
  if (act.do === 'look-up') return [seen(heldSlot(before.slots[act.slotId], nowMs)), before];
  const owners = isWanting(before, act, nowMs) ? lapsedOwners(before, act, nowMs) : [];
  const state = owners.reduce((marking, owner) => mark(marking, owner, nowMs), before);
  const { id } = act;
  const found = state.bookings[id];
  const isOwn = (slotId: string): boolean => (state.slots[slotId]?.owner ?? id) === id;
  const tell = (kind: 'exists' | 'unchanged' | 'refused' | 'found', booking: HeldBooking): readonly [Told, State] => {
    const { status, expiresAtMs } = marked(booking, nowMs);
    return [{ kind, status, expiresAtMs }, mark(state, id, nowMs)];
  };
  const move = (kind: 'created' | 'moved', booking: HeldBooking, slot: OwnedSlot): readonly [Told, State] => [
    { kind, status: booking.status, expiresAtMs: booking.expiresAtMs },
    withSlots(withBooking(state, id, booking), booking.slotIds, slot),
  ];

  if (act.do === 'create') {
    const { slotIds, expiresAtMs } = act;
    if (found !== undefined) return tell('exists', found);
    const taken = slotIds.filter((slotId) => {
      const slot = heldSlot(state.slots[slotId], nowMs);
      return slot !== undefined && !(slot.owner === id && slot.untilMs !== undefined);
    });
    if (taken.length > 0) return [{ kind: 'slots-taken', slotIds: taken }, state];
    return move('created', { status: 'PENDING', expiresAtMs, slotIds }, { owner: id, untilMs: expiresAtMs });
  }
  if (found === undefined) return [{ kind: 'missing' }, state];
  const { status, slotIds, lost } = found;
  switch (act.do) {
    case 'read':
      return tell('found', found);
    case 'expire':
      return [{ kind: 'expired' }, mark(state, id, nowMs)];
    case 'delete':
      if (isRunning(found, nowMs)) return tell('refused', found);
      return [{ kind: 'deleted' }, { ...state, bookings: without(state.bookings, (each) => each === id) }];
    case 'confirm': {
      if (status === 'CONFIRMED') return tell('unchanged', found);
      if (lost && status !== 'CANCELLED') return [{ kind: 'slots-taken', slotIds: lost }, state];
      const isRevival = act.revives && slotIds.length > 0 && marked(found, nowMs).status === 'EXPIRED';
      if (!isRevival && !isRunning(found, nowMs)) return tell('refused', found);
      const taken = slotIds.filter(
        (slotId) => !isOwn(slotId) && !(isRevival && heldSlot(state.slots[slotId], nowMs) === undefined),
      );
      if (taken.length === 0) return move('moved', { ...found, status: 'CONFIRMED' }, { owner: id });
      const refused = { ...marked(found, nowMs), lost: taken };
      return [{ kind: 'slots-taken', slotIds: taken }, withBooking(state, id, refused)];
    }
    case 'cancel': {
      if (status === 'CANCELLED') return tell('unchanged', found);
      if (!isRunning(found, nowMs) && (status !== 'CONFIRMED' || act.onlyHeld)) return tell('refused', found);
      const isGivenBack = (slotId: string): boolean => slotIds.includes(slotId) && isOwn(slotId);
      const { bookings } = withBooking(state, id, { ...found, status: 'CANCELLED' });
      const told: Told = { kind: 'moved', status: 'CANCELLED', expiresAtMs: found.expiresAtMs };
      return [told, { bookings, slots: without(state.slots, isGivenBack) }];
    }
    case 'extend': {
      const { expiresAtMs } = act;
      if (!isRunning(found, nowMs)) return tell('refused', found);
      if (lost) return [{ kind: 'slots-taken', slotIds: lost }, state];
      if (found.expiresAtMs === expiresAtMs) return tell('unchanged', found);
      const taken = slotIds.filter((slotId) => !isOwn(slotId));
      if (taken.length > 0) return [{ kind: 'slots-taken', slotIds: taken }, state];
      return move('moved', { ...found, expiresAtMs }, { owner: id, untilMs: expiresAtMs });
    }
  }
};
