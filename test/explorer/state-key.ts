/** When two moments of a small world are the same state: nobody can tell them apart by what can still happen. */
import type { StreamRecord } from '../memory/table-state.ts';
import { hashOf } from './hash.ts';
import type { Process, World } from './world.ts';

/** Everything that decides what can still happen, as a short name. */
export const stateKey = (world: World): string => {
  const isRunning = (process: string): boolean => world.processes.some(({ name }) => name === process);
  const parts = [
    world.nowMs,
    world.store.key(),
    world.processes.map(keyOfProcess).sort(),
    world.late.map(({ request, by, process }) => JSON.stringify([request, by, isRunning(process)])).sort(),
    world.stream.map(textOf),
    world.lastBatch.map(textOf),
    [world.streamStands, world.timersStand, world.lagsSinceMs],
    world.actionsLeft,
    [
      world.writers.name,
      world.sweepers.name,
      world.rollout,
      world.mayRollBack,
      world.mayRollBack && world.wasRequestLast,
    ],
    [world.nextSweepMs, world.sweepsDue, world.failedSweeps],
    [...world.ledgers].sort(([one], [other]) => (one < other ? -1 : 1)),
  ];
  return hashOf(JSON.stringify(parts));
};

const keysOfProcesses = new WeakMap<Process, string>();
/** A process is never changed, only replaced: so its text is made once. */
const keyOfProcess = (process: Process): string => {
  let key = keysOfProcesses.get(process);
  if (key === undefined) {
    const { life, pending, isFaulted, call, overdue, expired, twins, messages, retryInSeconds } = process;
    const requests = pending.map(({ number, wasTried, isSlow }) => [number, wasTried, isSlow]);
    key = JSON.stringify([
      life.key,
      requests,
      isFaulted,
      call?.states,
      overdue,
      expired,
      twins,
      messages,
      retryInSeconds,
    ]);
    keysOfProcesses.set(process, key);
  }
  return key;
};

const texts = new WeakMap<StreamRecord, string>();
const textOf = (record: StreamRecord): string => {
  let text = texts.get(record);
  if (text === undefined) {
    text = JSON.stringify([record.oldImage, record.newImage]);
    texts.set(record, text);
  }
  return text;
};
