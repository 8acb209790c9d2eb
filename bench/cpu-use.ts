/** CPU that this process and the embedded DynamoDB beside it have used: unlike lag, it is hardly changed by others' work. */
import { readdirSync, readFileSync } from 'node:fs';

/** In ms, user and system, since each began. */
export interface CpuUse {
  /** All threads of this process: runtime, queue, Lambdas, and the application that writes. */
  readonly processMs: number;
  /** Of these, the main thread: runtime and queue. */
  readonly mainMs: number;
  /** NaN where there is no /proc, and where DynamoDB is the operator's own. */
  readonly dynamodbMs: number;
}

export const cpuUse = (): CpuUse => {
  const all = process.cpuUsage();
  const main = process.threadCpuUsage();
  return {
    processMs: (all.user + all.system) / 1_000,
    mainMs: (main.user + main.system) / 1_000,
    dynamodbMs: engineCpuMs(),
  };
};

/** What was used between two looks, for each of so many bookings. */
export const cpuPerBooking = (before: CpuUse, after: CpuUse, bookings: number): CpuUse => ({
  processMs: (after.processMs - before.processMs) / bookings,
  mainMs: (after.mainMs - before.mainMs) / bookings,
  dynamodbMs: (after.dynamodbMs - before.dynamodbMs) / bookings,
});

/** What Linux counts in, for every processor that Node runs on (proc(5), /proc/[pid]/stat). */
const TICK_MS = 10;

const engineCpuMs = (): number => {
  try {
    const engines = descendants(process.pid).filter(({ name }) => name === 'dynoxide');
    return engines.length === 0 ? Number.NaN : engines.reduce((sum, { cpuMs }) => sum + cpuMs, 0);
  } catch {
    return Number.NaN;
  }
};

/**
 * What these processes and all that they started have used, children that have ended since included. In ms, NaN where there is no
 * /proc.
 */
export const treeCpuMs = (roots: readonly number[]): number => {
  try {
    const own = roots.flatMap((pid) => processSeen(String(pid)) ?? []);
    const seen = new Map([...own, ...roots.flatMap(descendants)].map((each) => [each.pid, each]));
    return [...seen.values()].reduce((sum, { cpuMs, endedCpuMs }) => sum + cpuMs + endedCpuMs, 0);
  } catch {
    return Number.NaN;
  }
};

interface ProcessSeen {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  readonly cpuMs: number;
  /** Of its children that have ended and whose end it has taken note of. */
  readonly endedCpuMs: number;
}

const descendants = (root: number): ProcessSeen[] => {
  const all = readdirSync('/proc').flatMap((pid) => (/^\d+$/.test(pid) ? (processSeen(pid) ?? []) : []));
  const found: ProcessSeen[] = [];
  const parents = new Set([root]);
  // A child has, as a rule, a higher number than its parent; where numbers began anew it is found in a later round.
  for (let before = -1; found.length > before; ) {
    before = found.length;
    for (const each of all) {
      if (!parents.has(each.parent) || parents.has(each.pid)) continue;
      parents.add(each.pid);
      found.push(each);
    }
  }
  return found;
};

/** Undefined for one that has ended meanwhile. */
const processSeen = (pid: string): ProcessSeen | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name stands in parentheses, and may hold any character.
    const end = stat.lastIndexOf(')');
    const fields = stat.slice(end + 2).split(' ');
    return {
      pid: Number(pid),
      parent: Number(fields[1]),
      name: stat.slice(stat.indexOf('(') + 1, end),
      cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS,
      endedCpuMs: (Number(fields[13]) + Number(fields[14])) * TICK_MS,
    };
  } catch {
    return undefined;
  }
};
