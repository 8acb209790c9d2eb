/** Everything that can happen next in a small world: what usually happens first, then every other order, then what goes wrong. */
import type { ConditionalWrite } from '../../functions/table/conditional-write.ts';
import type { Item } from '../../functions/table/item.ts';
import { bookingsOf, changesSomething, noAnswer, type Request } from './requests.ts';
import { type Action, type Fault, START_MS } from './small-world.ts';
import { lengthText, timeText } from './tell.ts';
import { isEnabled, lagIsOver, nextMoment } from './time.ts';
import type { Pending, Process, World } from './world.ts';

/** usual: the system does its work, oldest first. order: in another order. outside: somebody acts. fault: something goes wrong. */
export type StepKind = 'usual' | 'order' | 'outside' | 'fault';

export interface Step {
  readonly kind: StepKind;
  /** As a sentence. */
  readonly name: string;
  /** The process whose request is answered as usual, and what it does, for telling many of them in one line. */
  readonly does?: { readonly process: string; readonly what: string };
  take(world: World): void | Promise<void>;
}

/**
 * All steps that are possible now and need to be looked at: of orders that nobody can tell apart, one is enough. The first one
 * is the usual one; where there is none, the world is at its end.
 *
 * @param mayFail whether one more fault may happen
 */
export const stepsOf = (world: World, mayFail: boolean): Step[] => {
  if (world.nothingIsLeft()) return [];
  const alone = stepNobodyElseMinds(world, mayFail);
  if (alone) return alone;
  const usual = [...requestSteps(world), ...beginningSteps(world)];
  if (usual.length === 0) usual.push(...timeStep(world));
  if (usual.length === 0) return [];
  const ordered = usual.map((step, place): Step => (place === 0 ? step : { ...step, kind: 'order' }));
  return [...ordered, ...waitingSteps(world), ...outsideSteps(world), ...(mayFail ? faultSteps(world) : [])];
};

/** A request whose answer depends on no one else, and that no one else notices: it is answered before anything else happens. */
const stepNobodyElseMinds = (world: World, mayFail: boolean): Step[] | undefined => {
  for (const process of world.processes) {
    const pending = process.pending.find((each) => !each.isSlow && isPrivate(world, process, each, mayFail));
    if (pending) return [answering(process, pending, ''), ...(mayFail ? faultsOfProcess(world, process) : [])];
  }
  return undefined;
};

const isPrivate = (world: World, process: Process, pending: Pending, mayFail: boolean): boolean => {
  switch (pending.request.do) {
    case 'wait':
      // Once it is over, time does not go on before it has been noticed.
      return isEnabled(world, process, pending);
    case 'ask the date':
    case 'retry in':
      return true;
    case 'count given up':
      return !mayFail && !world.streamStands && world.small.unsendable === undefined;
    default:
      return false;
  }
};

const step = (kind: StepKind, name: string, take: Step['take']): Step => ({ kind, name, take });

const requestSteps = (world: World): Step[] =>
  world.processes.flatMap((process) =>
    process.pending
      .filter((pending) => !pending.isSlow && isEnabled(world, process, pending))
      .map((pending) => answering(process, pending, '')),
  );

const answering = ({ name }: Process, { number, request }: Pending, how: string): Step => {
  const what = `${requestText(request)}${how}`;
  return {
    ...step('usual', `${name} ${what}`, (next) => next.carryOut(name, number)),
    does: { process: name, what },
  };
};

/** What begins by itself: batches of the stream and of the queue, and sweeps. */
const beginningSteps = (world: World): Step[] => {
  const steps: Step[] = [];
  const usual = (name: string, take: Step['take']) => steps.push(step('usual', name, take));
  const { stream, store, nowMs } = world;
  if (stream.length > 0 && !world.streamStands && !world.isReadingStream()) {
    usual(`schedule-expiry is handed what was written: ${idsText(stream.map(({ key }) => key))}`, (next) =>
      next.readStream(stream.length),
    );
    if (stream.length > 1)
      usual('schedule-expiry is handed the first of what was written', (next) => next.readStream(1));
  }
  if (!world.timersStand) {
    const due = store.messages.flatMap(({ visibleAtMs }, place) => (visibleAtMs <= nowMs ? [place] : []));
    const ids = (places: readonly number[]) => places.map((place) => store.messages[place]?.bookingId).join(' and ');
    if (due.length > 0) usual(`the timer of ${ids(due)} comes`, (next) => next.deliver(due));
    if (due.length > 1) {
      for (const place of due) usual(`the timer of ${ids([place])} comes alone`, (next) => next.deliver([place]));
    }
  }
  if (world.sweepsDue > 0) usual('the deployment sweeps', (next) => next.sweep());
  else if (world.nextSweepMs <= nowMs) usual('the schedule sweeps', (next) => next.sweep());
  if (lagIsOver(world)) usual('the index catches up', (next) => next.catchUp());
  return steps;
};

const timeStep = (world: World): Step[] => {
  const moment = nextMoment(world);
  // A deployment ends some time, in one way or the other.
  if (moment !== undefined && world.rollout === 'under way' && !mayBeNewAt(world, moment))
    return deploymentSteps(world);
  return moment === undefined ? [] : [step('usual', `it is ${timeText(moment)}`, (next) => next.goOnTo(moment))];
};

/** What is under way and does not keep time from going on. */
const waitingSteps = (world: World): Step[] => {
  const steps: Step[] = [];
  const waiting = (name: string, take: Step['take']) => steps.push(step('order', name, take));
  for (const process of world.processes) {
    for (const pending of process.pending) {
      if (pending.isSlow) steps.push({ ...answering(process, pending, ', after a while'), kind: 'order' });
    }
  }
  for (const [place, { request, process }] of world.late.entries()) {
    waiting(`what ${process} sent arrives late: it ${requestText(request)}`, (next) => next.land(place));
  }
  if (world.store.lags && !lagIsOver(world)) waiting('the index catches up', (next) => next.catchUp());
  if (world.timersStand) waiting('timers are delivered again', (next) => next.deliverAgain());
  if (world.streamStands) {
    waiting('schedule-expiry works again', (next) => next.readStreamAgain(false));
    if (world.stream.length > 0) {
      waiting('schedule-expiry works again, and what it had not read is given up', (next) =>
        next.readStreamAgain(true),
      );
    }
  }
  return steps;
};

/** What customers, programs and operators do. */
const outsideSteps = (world: World): Step[] => {
  const steps: Step[] = [];
  const outside = (name: string, take: Step['take']) => steps.push(step('outside', name, take));
  for (const place of world.actionsLeft) {
    const action = world.small.actions[place] as Action;
    if (!isPossible(world, action)) continue;
    outside(actionText(action), (next) => next.act(place));
  }
  // A deployment decides what begins after it, and nobody who runs notices: it need not be tried after each of their requests.
  return world.wasRequestLast || !mayBeNew(world) ? steps : [...steps, ...deploymentSteps(world)];
};

const deploymentSteps = (world: World): Step[] => {
  const steps: Step[] = [];
  const outside = (name: string, take: Step['take']) => steps.push(step('outside', name, take));
  const { nextVersion, version } = world.small;
  if (nextVersion === undefined) return steps;
  if (world.rollout !== 'done') {
    for (const side of ['writers', 'sweepers'] as const) {
      if (world[side] === nextVersion) continue;
      const what = side === 'writers' ? 'API and schedule-expiry' : 'sweep and expire-booking';
      outside(`a deployment brings ${what} of ${nextVersion.name}`, (next) => next.deploy(side));
    }
  }
  if (world.mayRollBack && world.rollout !== 'not begun') {
    outside(`the deployment is rolled back to ${version.name}`, (next) => next.rollBack());
  }
  return steps;
};

const isPossible = (world: World, action: Action): boolean => {
  if (action.do === 'put' || action.do === 'create') return !world.ledgers.has(action.id) && mayBeNew(world);
  return !('id' in action) || world.ledgers.has(action.id);
};

const mayBeNewAt = ({ small }: World, timeMs: number): boolean =>
  timeMs <= START_MS + (small.newThingsForMs ?? Number.POSITIVE_INFINITY);
const mayBeNew = (world: World): boolean => mayBeNewAt(world, world.nowMs);

const actionText = (action: Action): string => {
  switch (action.do) {
    case 'put':
      return action.isBare
        ? `a program writes ${action.id} with three attributes, due in ${lengthText(action.holdMs)}`
        : `a program writes ${action.id} with its shard and its start, due in ${lengthText(action.holdMs)}`;
    case 'put again':
      return `a program gives ${action.id} the same deadline again, as a new hold`;
    case 'foreign confirm':
      return `a program confirms ${action.id} and leaves it in the index`;
    case 'create':
      return `a customer creates ${action.id}, due in ${lengthText(action.holdMs)}`;
    case 'extend':
      return `a customer extends ${action.id} to ${lengthText(action.holdMs)} from now`;
    case 'confirm':
      return `a customer pays ${action.id}`;
    case 'cancel':
      return `a customer cancels ${action.id}`;
    case 'read':
      return `a customer asks for ${action.id}`;
    case 'command':
      return `an operator runs expire-bookings${action.wholeTable ? ' --whole-table' : ''}${clockText(action.clockAheadMs)}`;
    case 'sweep':
      return `the schedule sweeps${clockText(action.clockAheadMs)}`;
  }
};

const clockText = (aheadMs: number): string => {
  if (aheadMs === 0) return '';
  return ` on a machine whose clock is ${lengthText(aheadMs)} ${aheadMs > 0 ? 'ahead' : 'behind'}`;
};

/** What goes wrong, as far as it may in this world. */
const faultSteps = (world: World): Step[] => {
  const steps = world.processes.flatMap((process) => faultsOfProcess(world, process));
  const fault: AddFault = (which, name, take) => {
    if (world.small.faults.includes(which)) steps.push(step('fault', name, take));
  };
  const { messages } = world.store;
  for (const [place, { bookingId, visibleAtMs }] of messages.entries()) {
    fault('timer lost', `the timer of ${bookingId} is lost`, (next) => next.lose(place));
    const isDue = visibleAtMs <= world.nowMs;
    if (isDue) {
      fault('timer twice', `the timer of ${bookingId} comes, and will come again`, (next) =>
        next.deliver([place], true),
      );
    } else {
      fault('timer early', `the timer of ${bookingId} comes early`, (next) => next.deliver([place]));
    }
  }
  if (messages.length > 0 && !world.timersStand) {
    fault('timers stop', 'timers are not delivered any more', (next) => next.standTimers());
  }
  if (world.stream.length > 0 && !world.streamStands) {
    fault('stream stops', 'schedule-expiry does not work any more', (next) => next.standStream());
  }
  if (world.lastBatch.length > 0 && !world.streamStands && !world.isReadingStream()) {
    fault('records again', 'the stream tells its last records again', (next) => next.repeatRecords());
  }
  if (world.sweepsDue > 0 || world.nextSweepMs <= world.nowMs) {
    fault('sweep missed', 'the sweep that is due does not run', (next) => next.missSweep());
    fault('sweep twice', 'two sweeps run at once', (next) => next.sweepTwice());
  }
  if (!world.store.lags && (world.stream.length > 0 || world.actionsLeft.length > 0)) {
    fault('index lags', 'the index and eventually consistent reads fall behind', (next) => next.lag());
  }
  return steps;
};

type AddFault = (which: Fault, name: string, take: Step['take']) => void;

const faultsOfProcess = (world: World, process: Process): Step[] => {
  const steps: Step[] = [];
  const { name } = process;
  const fault: AddFault = (which, text, take) => {
    if (world.small.faults.includes(which)) steps.push(step('fault', text, take));
  };
  fault('crash', `${name} crashes`, (next) => next.crash(name));
  for (const pending of process.pending) faultsOfRequest(process, pending, fault);
  return steps;
};

const faultsOfRequest = (
  { name, call }: Process,
  { number, request, wasTried, isSlow }: Pending,
  fault: AddFault,
): void => {
  if (request.do === 'wait' || request.do === 'retry in' || request.do === 'ask the date') return;
  const what = requestText(request);
  const isWrite = changesSomething(request);
  const toError = (next: World, isCarriedOut: boolean) => next.failRequest(name, number, isCarriedOut, noAnswer());
  // A customer who hears an error knows nothing, whatever became of it.
  if (call === undefined) fault('request fails', `${name} ${what}: it fails`, (next) => toError(next, false));
  if (isWrite) {
    fault('answer lost', `${name} ${what}: nobody hears that it was done`, (next) => toError(next, true));
    if (!wasTried) {
      fault('request repeated', `${name} ${what}: unheard, it will be repeated`, (next) =>
        next.repeatRequest(name, number),
      );
    }
    if (request.do !== 'send' && !wasTried) {
      fault('request late', `${name} ${what}: it seems lost and will be repeated`, (next) =>
        next.delayTry(name, number),
      );
    }
  }
  if (!isSlow) fault('request slow', `${name} ${what}: that takes a while`, (next) => next.slowDown(name, number));
  const parts = request.do === 'write many' ? request.writes : request.do === 'send' ? request.entries : [];
  if (parts.length > 1) {
    for (const place of parts.keys()) {
      const id = bookingsOf(request)[place];
      fault('throttled', `${name} ${what}: ${id} is not taken`, (next) => next.throttle(name, number, place));
    }
  }
};

const idsText = (keys: readonly Item[]): string => keys.map(({ bookingId }) => bookingId?.S).join(' and ');

/** A request as what its process does. */
export const requestText = (request: Request): string => {
  const ids = bookingsOf(request).join(' and ');
  switch (request.do) {
    case 'create':
      return `creates ${ids}`;
    case 'write':
      return request.on === 'bookings' ? writeText(ids, request.write) : 'notes how far it came';
    case 'write many':
      return writeText(ids, request.writes[0]?.write);
    case 'get':
      return request.on === 'bookings' ? `reads ${ids}` : 'reads its notes';
    case 'get many':
      return request.consistent ? `looks at ${ids} again` : `glimpses ${ids}`;
    case 'query':
      return `looks into shard ${Object.values(request.query.partition)[0]}`;
    case 'scan':
      return 'looks at the table';
    case 'send':
      return request.to === 'timers' ? `sends the timer of ${ids}` : 'writes dead letters';
    case 'retry in':
      return 'asks for its messages to come again sooner';
    case 'count given up':
      return 'asks how many records were given up';
    case 'ask the date':
      return 'compares its clock';
    case 'wait':
      return `has waited until ${timeText(request.untilMs)}`;
  }
};

const writeText = (ids: string, write: ConditionalWrite | undefined): string => {
  const { set = {}, remove = [] } = write ?? {};
  if (typeof set.status === 'string') return `makes ${ids} ${set.status}`;
  if (set.expiresAtMs !== undefined) return `gives ${ids} another deadline`;
  return remove.length > 0 ? `takes ${ids} out of the index` : `puts ${ids} into the index`;
};
