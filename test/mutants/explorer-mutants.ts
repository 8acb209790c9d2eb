/** Defects that only one order of steps brings to light, put back as they were. Each is to be found by the explorer. */
import {
  EVERY_NOTE_BELIEVED,
  type ExplorerMutant,
  NEAR_NOW_TAKEN_FOR_SCHEDULED,
  NEW_HOLD_TAKEN_FOR_OLD,
  NOBODY_LOOKS,
} from './mutants.ts';

const SWEEP = 'functions/core/sweep.ts';
const DEPLOYMENTS_SCHEDULE_NOTHING_ANEW = {
  file: SWEEP,
  find: 'request.anew ? 0 : state.scheduledThroughMs',
  replace: 'state.scheduledThroughMs',
};

export const EXPLORER_MUTANTS: readonly ExplorerMutant[] = [
  {
    name: 'G1: a sweep looks into the shards of its own version, and of those whose sweeps have run',
    world: 'more shards, and back',
    file: SWEEP,
    find: 'await pMap(LEGAL_SHARDS, workOff, { concurrency: CONCURRENT_SHARDS });',
    replace:
      'await pMap(LEGAL_SHARDS.slice(0, Math.max(ports.shardCount ?? 0, state?.shardCount ?? 0)), workOff, { concurrency: CONCURRENT_SHARDS });\n' +
      '  if (ports.shardCount > (state?.shardCount ?? 0)) await state?.sawShardCount(ports.shardCount);',
    also: [
      {
        file: 'functions/adapters/sweep-scheduling.ts',
        find: '      moveTo: async',
        replace:
          '      shardCount: Number(item.shardCount?.N ?? 0),\n' +
          '      sawShardCount: (shardCount) => stateTable.write(KEY, { set: { shardCount }, remove: [], condition: [] }),\n' +
          '      moveTo: async',
      },
    ],
  },
  { ...NOBODY_LOOKS, world: 'near and far' },
  {
    name: 'G3: a command trusts its own clock',
    world: 'a command whose clock is ahead',
    file: 'commands/engine-clock.ts',
    find: 'if (wrong === undefined) return;',
    replace: 'return;',
  },
  {
    name: 'G4: a read reports a lapse that nothing has made true',
    world: 'a payment at the deadline',
    file: 'functions/adapters/booking-store.ts',
    find: 'bookingOf(await this.#madeTrue(bookingId, await this.#table.get(keyOf(bookingId)), nowMs))',
    replace: 'this.get(bookingId)',
  },
  {
    name: 'G4: a refusal reports a lapse that nothing has made true',
    world: 'two customers of one booking',
    file: 'functions/adapters/booking-store.ts',
    find: "answer.kind === 'made' ? answer.item : await this.#madeTrue(bookingId, answer.found, nowMs)",
    replace: "answer.kind === 'made' ? answer.item : answer.found",
  },
  {
    name: 'a move that was refused because of a lapse does not look again at what has come instead',
    world: 'two customers of one booking',
    file: 'functions/adapters/booking-store.ts',
    find: "if (item !== answer.found && effectiveStatus(booking, nowMs) !== 'EXPIRED') return again();",
    replace: '',
  },
  { ...NEW_HOLD_TAKEN_FOR_OLD, world: 'the same deadline again' },
  { ...NEAR_NOW_TAKEN_FOR_SCHEDULED, world: 'rarer sweeps, and back' },
  {
    ...EVERY_NOTE_BELIEVED,
    name: 'G6: what rarer sweeps noted holds for more frequent ones',
    world: 'more frequent sweeps, and back',
    also: [DEPLOYMENTS_SCHEDULE_NOTHING_ANEW],
  },
  {
    name: 'G6: a deployment’s sweep goes on from where the version before came to',
    world: 'rarer sweeps, and back',
    ...DEPLOYMENTS_SCHEDULE_NOTHING_ANEW,
  },
  { ...EVERY_NOTE_BELIEVED, world: 'a sweep whose clock is a week ahead' },
  {
    name: 'G9: a timer that cannot be sent ends the work on its shard',
    world: 'a timer that the queue never takes',
    file: SWEEP,
    find: 'reachedMs = rows.at(-1)?.expiresAtMs ?? reachedMs;',
    replace:
      'if (undoneFromMs < Number.POSITIVE_INFINITY) return undoneFromMs;\n        reachedMs = rows.at(-1)?.expiresAtMs ?? reachedMs;',
    also: [
      {
        file: SWEEP,
        find: 'if (isPermanent(error)) {\n      tally.unprocessable.push({ bookingId, error });',
        replace:
          'if (isPermanent(error)) {\n      undoneFromMs = Math.min(undoneFromMs, scheduled.timer.expiresAtMs);\n      tally.unprocessable.push({ bookingId, error });',
      },
    ],
  },
  {
    name: 'G10: a sweep schedules in the shards of its own version alone, and notes that all is scheduled',
    world: 'more shards, and back',
    file: SWEEP,
    find: 'await scheduleRows(rows, timersOf, ports, tally)',
    replace: 'await scheduleRows(shard < ports.shardCount ? rows : [], timersOf, ports, tally)',
  },
];
