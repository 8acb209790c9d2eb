/** CPU of the processes that this one has started, and of theirs. DynamoDB is the only one that does anything. */
import { readFileSync } from 'node:fs';

/** Length of a clock tick of /proc on Linux, ms (proc_pid_stat(5), USER_HZ). */
const TICK_MS = 10;
/** Places of user and system time after the name of the command (proc_pid_stat(5), fields 14 and 15). */
const TIMES = [11, 12];

/** User and system time so far, ms; undefined where there is no /proc that says it. */
export const engineCpuMs = (): number | undefined => {
  try {
    const pids = descendantsOf(process.pid);
    return pids.length === 0 ? undefined : pids.reduce((sum, pid) => sum + ticksOf(pid) * TICK_MS, 0);
  } catch {
    return undefined;
  }
};

const descendantsOf = (pid: number): number[] => {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  const children = text === '' ? [] : text.split(' ').map(Number);
  return children.flatMap((child) => [child, ...descendantsOf(child)]);
};

const ticksOf = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name stands in parentheses, and may have spaces in it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return TIMES.reduce((ticks, place) => ticks + Number(fields[place]), 0);
};
