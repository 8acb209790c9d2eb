/**
 * Whether what many processes were told of one booking can have happened: each booking is one register, and every operation
 * must have taken effect at one moment between its call and its answer. Whoever is told that a booking has lapsed is told so
 * for good: from that moment on the register holds EXPIRED, marked or not.
 */
/** What is in the register. Undefined where there is no booking. */
type State = { readonly status: string; readonly expiresAtMs: number } | undefined;

export type Operation =
  | { readonly kind: 'create'; readonly expiresAtMs: number; readonly answer: 'created' | 'exists' }
  | { readonly kind: 'confirm' | 'cancel'; readonly nowMs: number; readonly answer: MoveAnswer; readonly told?: string }
  | {
      readonly kind: 'extend';
      readonly expiresAtMs: number;
      readonly nowMs: number;
      readonly answer: MoveAnswer;
      readonly told?: string;
    }
  /** Somebody marked it, by this clock. */
  | { readonly kind: 'expire'; readonly nowMs: number }
  /** Somebody was told what it is, by a clock between the two. */
  | { readonly kind: 'read'; readonly told: State; readonly fromMs: number; readonly byMs: number };

export type MoveAnswer = 'moved' | 'unchanged' | 'refused' | 'missing' | 'unknown';

export interface Call {
  readonly operation: Operation;
  /** When it was called and answered, on one clock for all processes. Infinity for an answer that never came. */
  readonly calledAt: number;
  readonly answeredAt: number;
}

/** Every state that may follow when an operation takes effect with the answer that it got; none if it cannot. */
const after = (state: State, operation: Operation): State[] => {
  switch (operation.kind) {
    case 'create':
      if (operation.answer === 'exists') return state === undefined ? [] : [state];
      return state === undefined ? [{ status: 'PENDING', expiresAtMs: operation.expiresAtMs }] : [];
    case 'read': {
      const { told, fromMs, byMs } = operation;
      if (told?.expiresAtMs !== state?.expiresAtMs) return [];
      const hasLapsed = state?.status === 'PENDING' && state.expiresAtMs <= byMs;
      if (hasLapsed && told?.status === 'EXPIRED') return [told];
      if (state?.status === 'PENDING' && state.expiresAtMs <= fromMs) return [];
      return told?.status === state?.status ? [state] : [];
    }
    case 'expire': {
      // Somebody may have been told before it was marked, or because of it.
      const isOpen = state?.status === 'PENDING' || state?.status === 'EXPIRED';
      return isOpen && state.expiresAtMs <= operation.nowMs ? [{ ...state, status: 'EXPIRED' }] : [];
    }
    default: {
      const [answer, next] = moved(state, operation);
      if (operation.answer === 'unknown') return [next];
      const isTold = operation.told === undefined || operation.told === next?.status;
      return operation.answer === answer && isTold ? [next] : [];
    }
  }
};

const moved = (
  state: State,
  move: Extract<Operation, { kind: 'confirm' | 'cancel' | 'extend' }>,
): [Exclude<MoveAnswer, 'unknown'>, State] => {
  if (state === undefined) return ['missing', state];
  const isHeld = state.status === 'PENDING' && state.expiresAtMs > move.nowMs;
  // A refusal of what has lapsed says so, and then it is so.
  const refused = { ...state, status: state.status === 'PENDING' ? 'EXPIRED' : state.status };
  if (move.kind === 'extend') {
    if (isHeld && state.expiresAtMs === move.expiresAtMs) return ['unchanged', state];
    return isHeld ? ['moved', { ...state, expiresAtMs: move.expiresAtMs }] : ['refused', refused];
  }
  const status = move.kind === 'confirm' ? 'CONFIRMED' : 'CANCELLED';
  if (state.status === status) return ['unchanged', state];
  const isAllowed = isHeld || (state.status === 'CONFIRMED' && move.kind === 'cancel');
  return isAllowed ? ['moved', { ...state, status }] : ['refused', refused];
};

/**
 * Looks for an order of the calls that explains all answers (after Wing and Gong: take any call that no other call had
 * been answered before, and go on).
 *
 * @returns the order, or undefined if there is none
 */
export const linearize = (calls: readonly Call[]): Call[] | undefined => {
  const dead = new Set<string>();
  const search = (state: State, left: readonly number[], order: readonly Call[]): Call[] | undefined => {
    if (left.length === 0) return [...order];
    const key = `${JSON.stringify(state)}|${left.join()}`;
    if (dead.has(key)) return undefined;
    const firstAnswer = Math.min(...left.map((index) => calls[index]?.answeredAt ?? 0));
    for (const index of left) {
      const call = calls[index];
      if (call === undefined || call.calledAt > firstAnswer) continue;
      const rest = left.filter((other) => other !== index);
      for (const next of after(state, call.operation)) {
        const found = search(next, rest, [...order, call]);
        if (found) return found;
      }
      // Who never heard an answer may never have been carried out.
      if ('answer' in call.operation && call.operation.answer === 'unknown') {
        const found = search(state, rest, order);
        if (found) return found;
      }
    }
    dead.add(key);
    return undefined;
  };
  return search(
    undefined,
    calls.map((_, index) => index),
    [],
  );
};
