/** A step as a failure tells it. */
import { MINUTE_MS } from '../../functions/core/hold-time.ts';
import type { Step } from './steps.ts';
import { tellItem } from './strangers.ts';

export const sentence = ({ what: step, fault: wrong, offMs, isOld }: Step): string => {
  const tell = (): string => {
    switch (step.do) {
      case 'create':
        return `${step.id} is created with a hold of ${step.holdMs} ms`;
      case 'extend':
        return `${step.id} is extended by ${step.holdMs} ms from now`;
      case 'hold':
        return `${step.id} is held again for ${step.holdMs} ms${step.isCancelledFree ? ', even if it was cancelled' : ''}`;
      case 'release':
        return `${step.id} is given back with the word of an expired one`;
      case 'stranger-puts-again':
        return `a stranger puts ${step.id} again as it is, without what the service added`;
      case 'confirm':
        return `${step.id} is confirmed`;
      case 'cancel':
        return `${step.id} is cancelled`;
      case 'read':
        return `somebody reads ${step.id}`;
      case 'list':
        return 'somebody lists what is PENDING';
      case 'foreign-create':
        return `a foreign program writes ${step.id}, with nothing but a deadline in ${step.holdMs} ms`;
      case 'foreign-extend':
        return `a foreign program moves the deadline of ${step.id} to ${step.holdMs} ms from now`;
      case 'stranger-writes':
        return `a stranger writes ${step.id} ${tellItem(step.item)}`;
      case 'stranger-changes':
        return step.status === undefined
          ? `a stranger moves the deadline of ${step.id} to ${step.holdMs} ms from now, whatever it is`
          : `a stranger sets ${step.id} to ${step.status}, whatever it is`;
      case 'stranger-restarts':
        return `a stranger says that the hold of ${step.id} began now, and changes nothing else`;
      case 'late-requests-land':
        return 'what was held back arrives';
      case 'foreign-confirm':
        return `a foreign program confirms ${step.id} and leaves it in the index`;
      case 'foreign-delete':
        return `a foreign program deletes ${step.id}`;
      case 'time-passes':
        return `${step.ms} ms pass${step.onSchedule ? ', with the sweeps of the schedule' : ''}`;
      case 'time-goes-to-deadline':
        return `time goes on to ${step.offsetMs} ms after the deadline of ${step.id}${step.onSchedule ? ', with the sweeps of the schedule' : ''}`;
      case 'stream':
        return `${step.records} stream record(s) reach ${step.to === 'timers' ? 'schedule-expiry' : 'publish-events'}, ${step.again} of before again`;
      case 'deliver':
        return `timers ${step.picks.join(', ')} are delivered${step.twice ? ', and will be again' : ''}`;
      case 'lose':
        return `timer ${step.pick} is lost`;
      case 'give-up':
        return `${step.records} record(s) that reached schedule-expiry and failed are given up`;
      case 'sweep':
        return `${step.atOnce === 1 ? 'a sweep runs' : 'two sweeps run at once'}, by ${step.by}`;
      case 'deploy':
        return `a deployment begins: ${step.settings.shardCount} shards, sweeps every ${step.settings.sweepIntervalMs / MINUTE_MS} min, lead ${step.settings.timerLeadMs} ms`;
      case 'deployed':
        return 'the deployment ends, and sweeps';
      case 'rolled-back':
        return 'the deployment is rolled back, and sweeps';
      case 'restore':
        return `the tables are restored as they were ${step.back} step(s) ago, the sweeps’ notes ${step.state}`;
    }
  };
  const tellFault = (): string => {
    switch (wrong?.kind) {
      case 'crash':
        return `, and crashes at request ${wrong.atRequest + 1}, which was ${wrong.carriedOut ? '' : 'not '}carried out`;
      case 'half-fails':
        return `, while ${wrong.odd ? 'odd' : 'even'} parts of each batch fail`;
      case 'outage':
        return `, while ${wrong.requests} request(s) fail`;
      case 'network':
        return `, while ${wrong.times} tries${wrong.only ? ` of ${wrong.only}` : ''} after the first ${wrong.afterTries} are each ${wrong.befalls}`;
      default:
        return '';
    }
  };
  const lagMs = ('lagMs' in step ? step.lagMs : undefined) ?? 0;
  const how = [
    isOld ? ', by the version before' : '',
    lagMs > 0 ? `, seeing the index of ${lagMs} ms ago` : '',
    offMs === 0 ? '' : `, by a clock ${Math.abs(offMs)} ms ${offMs > 0 ? 'ahead' : 'behind'}`,
  ];
  return `\n  ${tell()}${how.join('')}${tellFault()}`;
};
