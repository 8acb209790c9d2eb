/** Ways to break the service, and the client, that only tables of others bring to light: each names the table that finds it. */
import type { Mutant } from './mutants.ts';

const WRITE = 'functions/table/write-of-move.ts';
const DEADLINE = 'functions/table/deadline.ts';
const DECISIONS = 'functions/core/expiry-decisions.ts';
const CLIENT = 'client/table-client.ts';
const CONDITIONS = 'client/hold-conditions.ts';

export const TABLE_MUTANTS: readonly (Mutant & { readonly table: string })[] = [
  {
    name: 'T1: seconds are compared with milliseconds',
    table: 'tickets',
    file: DEADLINE,
    find: `plainDecimal(unit === 'seconds' ? \`\${ms}e-3\` : String(ms))`,
    replace: 'plainDecimal(String(ms))',
  },
  {
    name: 'T1: a clock is rounded up to whole seconds',
    table: 'tickets',
    file: DEADLINE,
    find: `plainDecimal(unit === 'seconds' ? \`\${ms}e-3\` : String(ms))`,
    replace: "plainDecimal(unit === 'seconds' ? String(Math.ceil(ms / 1_000)) : String(ms))",
  },
  {
    name: 'T1: a deadline is rounded down to whole seconds',
    table: 'tickets',
    file: DEADLINE,
    find: 'const roundedMs = Math.ceil(expiresAtMs / unitMs) * unitMs;',
    replace: 'const roundedMs = Math.floor(expiresAtMs / unitMs) * unitMs;',
  },
  {
    name: 'T2: an expiry does not mind of which kind an item is',
    table: 'single-table',
    file: WRITE,
    find: 'return [isPending, ...isOfKind];',
    replace: 'return [isPending];',
  },
  {
    name: 'T2: items of another kind are taken out of the index',
    table: 'single-table',
    file: 'functions/adapters/held-items.ts',
    find: 'isOfKind(this.#shape, item) && item[attributes.pendingShard] !== undefined',
    replace: 'item[attributes.pendingShard] !== undefined',
  },
  {
    name: 'T3: an expiry does not mind whether a deadline of text is the one that was seen',
    table: 'day-passes',
    file: WRITE,
    find: 'return [isAsSeen(deadline.attribute, required.seenDeadline)];',
    replace: 'return [];',
  },
  {
    name: 'T3: the offset of a deadline is left out',
    table: 'day-passes',
    file: DEADLINE,
    find: 'Date.UTC(year, month - 1, day, hour, minute, second, wholeMs) - offsetMs;',
    replace: 'Date.UTC(year, month - 1, day, hour, minute, second, wholeMs) - offsetMs * 0;',
  },
  {
    name: 'T4: the copy of a deadline is not renewed when its owner moves it',
    table: 'day-passes',
    file: DECISIONS,
    find: 'isCountedShard(pendingShard, shardCount) && indexedAtMs === expiresAtMs;',
    replace: 'isCountedShard(pendingShard, shardCount) && indexedAtMs !== undefined;',
  },
  {
    name: 'T4: an adoption leaves the copy of the deadline out',
    table: 'tickets',
    file: DECISIONS,
    find: '    ...(indexedAtMs !== expiresAtMs && { indexedAtMs: expiresAtMs }),\n',
    replace: '',
  },
  {
    name: 'T4: a patrol takes what is in a shard for indexed, whatever the copy of its deadline is',
    table: 'tickets',
    file: 'functions/core/left-out.ts',
    find: '(pendingShard === undefined || indexedAtMs !== expiresAtMs)',
    replace: '(pendingShard === undefined || indexedAtMs === undefined)',
  },
  {
    name: 'T5: an expiry removes nothing of its owner’s',
    table: 'tickets',
    file: WRITE,
    find: '      ...(isExpiry ? onExpire.remove : []),\n',
    replace: '',
  },
  {
    name: 'T5: an expiry sets nothing of its owner’s',
    table: 'single-table',
    file: WRITE,
    find: '...(isExpiry && onExpire.set)',
    replace: '...(isExpiry && {})',
  },
  {
    name: 'T6: of several pending words only the first is one',
    table: 'orders',
    file: WRITE,
    find: 'others.length === 0',
    replace: 'others.length >= 0',
  },
  {
    name: 'T7: whatever gets the word of an expired item has expired',
    table: 'tickets',
    file: 'functions/publish-events.ts',
    find: 'if (!mayBeHeldAgain(shape)) return true;',
    replace: "if (shape.status.expired !== '') return true;",
  },
  {
    name: 'T7: an expiry is told only where the word of an expired item is ours',
    table: 'day-passes',
    file: 'functions/publish-events.ts',
    find: "    statusBefore === 'PENDING' &&\n",
    replace: "    statusBefore === 'EXPIRED' &&\n",
  },
  {
    name: 'T8: the client confirms after the deadline',
    table: 'tickets',
    file: CONDITIONS,
    find: `\`\${attribute} > \${nowValue} AND \${attribute} <= \${latestValue}\``,
    replace: `\`\${attribute} <> \${nowValue} AND \${attribute} <= \${latestValue}\``,
  },
  {
    name: 'T8: the client extends whatever the deadline is by now',
    table: 'orders',
    file: CLIENT,
    find: '        ...holdFound.stillHeld(given.seen),\n        ...holdFound.sameStart(given.seen),\n',
    replace: '        ...holdFound.stillHeld(undefined),\n',
  },
  {
    name: 'T8: the client holds what is held by somebody else',
    table: 'single-table',
    file: CONDITIONS,
    find: '[this.#placeholders.value(Number(earliest)), this.#placeholders.value(Number(now))]',
    replace: '[this.#placeholders.value(Number(earliest)), this.#placeholders.value(Number(now) * 2)]',
  },
  {
    name: 'T8: the client leaves what it has settled in the index',
    table: 'tickets',
    file: CLIENT,
    find: 'removed.add(attributes.pendingShard).add(attributes.holdStartedAtMs);',
    replace: 'removed.add(attributes.holdStartedAtMs);',
  },
  {
    name: 'T8: the client leaves the trace of an expiry in what is held again',
    table: 'tickets',
    file: CLIENT,
    find: 'remove: [...own.remove, attributes.expiredAtMs, attributes.expiredBy],',
    replace: 'remove: own.remove,',
  },
];
