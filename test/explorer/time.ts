/** When anything happens by itself in a small world, or when it matters that something does: between that, time is skipped. */
import { MINUTE_MS } from '../../functions/core/hold-time.ts';
import { ON_TIME_MS } from './promises.ts';
import { type Action, START_MS } from './small-world.ts';
import type { Pending, Process, World } from './world.ts';

/** How long the index may lag: what a sweep leaves as a margin. */
const LONGEST_LAG_MS = MINUTE_MS;

/** The next moment at which anything may happen by itself, or at which it matters that something happens. */
export const nextMoment = (world: World): number | undefined => {
  const moments = [...dueMoments(world), ...tellingMoments(world)];
  const next = Math.min(...moments.filter((momentMs) => momentMs > world.nowMs));
  return next <= START_MS + world.small.forMs ? next : undefined;
};

/** When sweeps, timers, waits and the index’s lag are over. */
const dueMoments = ({ nextSweepMs, lagsSinceMs, store, processes }: World): number[] => [
  nextSweepMs,
  ...(lagsSinceMs === undefined ? [] : [lagsSinceMs + LONGEST_LAG_MS]),
  ...store.messages.map(({ visibleAtMs }) => visibleAtMs),
  ...processes.flatMap(({ life, pending }) =>
    pending.flatMap(({ request }) => (request.do === 'wait' ? [request.untilMs - life.spec.clockAheadMs] : [])),
  ),
];

/** Around the deadlines: where what somebody may still do has another outcome, and where a booking must be expired. */
const tellingMoments = ({ small, ledgers, processes, actionsLeft, mayRollBack }: World): number[] => {
  const actions = actionsLeft.map((place) => small.actions[place] as Action);
  const wanted = new Set([
    ...actions.flatMap((action) => ('id' in action ? [action.id] : [...ledgers.keys()])),
    ...processes.flatMap(({ call }) => call?.id ?? []),
  ]);
  const clocksAheadMs = actions.flatMap((action) => ('clockAheadMs' in action ? [action.clockAheadMs] : []));
  return [...ledgers].flatMap(([id, { deadlineMs, isExcused }]) => {
    if (deadlineMs === undefined) return [];
    return [
      ...(wanted.has(id) ? [deadlineMs - 1, deadlineMs] : []),
      ...(wanted.has(id) || mayRollBack ? [deadlineMs - 15 * MINUTE_MS] : []),
      ...clocksAheadMs.map((aheadMs) => deadlineMs - aheadMs),
      ...(isExcused ? [] : [deadlineMs + ON_TIME_MS + 1]),
    ];
  });
};

/** Whether the index has lagged for as long as it may. */
export const lagIsOver = ({ lagsSinceMs, nowMs }: World): boolean =>
  lagsSinceMs !== undefined && nowMs >= lagsSinceMs + LONGEST_LAG_MS;

/** Whether a request can be carried out now: a wait only when it is over, by the clock of its process. */
export const isEnabled = ({ nowMs }: World, { life }: Process, { request }: Pending): boolean =>
  request.do !== 'wait' || nowMs + life.spec.clockAheadMs >= request.untilMs;
