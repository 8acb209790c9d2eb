/** Which of the service's alarms are on, from CloudWatch. */
import { CloudWatchClient, paginateDescribeAlarms } from '@aws-sdk/client-cloudwatch';
import type { EventSourceAccess } from './event-sources.ts';

export interface AlarmLooked {
  /** Without the service's prefix: also its section of the runbook, or nearly. */
  readonly name: string;
  /** OK, ALARM or INSUFFICIENT_DATA. */
  readonly state: string;
  /** Since when, epoch ms. */
  readonly sinceMs: number;
}

/**
 * @param prefix what the alarms' names begin with
 * @throws Error of the service, if it cannot be reached or asked
 */
export const lookAtAlarms = async (access: EventSourceAccess, prefix: string): Promise<AlarmLooked[]> => {
  const client = new CloudWatchClient({ maxAttempts: 2, ...access });
  try {
    const looked: AlarmLooked[] = [];
    for await (const { MetricAlarms = [] } of paginateDescribeAlarms({ client }, { AlarmNamePrefix: prefix })) {
      for (const { AlarmName = '', StateValue = 'unknown', StateUpdatedTimestamp } of MetricAlarms) {
        const sinceMs = StateUpdatedTimestamp?.getTime() ?? 0;
        looked.push({ name: AlarmName.slice(prefix.length), state: StateValue, sinceMs });
      }
    }
    return looked;
  } finally {
    client.destroy();
  }
};

/** What is wrong, in words: each alarm that is on. */
export const alarmProblems = (alarms: readonly AlarmLooked[], nowMs: number): string[] =>
  alarms
    .filter(({ state }) => state === 'ALARM')
    .map(({ name, sinceMs }) => `alarm ${name} is on for ${Math.max(0, Math.round((nowMs - sinceMs) / 60_000))} min`);
