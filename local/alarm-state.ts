/** When an alarm goes off and back, as the Amazon CloudWatch User Guide says ("Alarm evaluation", "missing data"). */

export type AlarmStateValue = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';

export interface AlarmRule {
  readonly threshold: number;
  readonly comparison: string;
  /** The N of "M of N". */
  readonly evaluationPeriods: number;
  /** The M of "M of N". */
  readonly datapointsToAlarm: number;
  readonly treatMissingData: string;
}

/**
 * How many periods more than it evaluates an alarm looks back for data. CloudWatch says that it does so, and of how many only
 * that it depends; its own example evaluates three of five.
 */
export const MORE_PERIODS = 2;

const COMPARISONS: Readonly<Record<string, (value: number, threshold: number) => boolean>> = {
  GreaterThanThreshold: (value, threshold) => value > threshold,
  GreaterThanOrEqualToThreshold: (value, threshold) => value >= threshold,
  LessThanThreshold: (value, threshold) => value < threshold,
  LessThanOrEqualToThreshold: (value, threshold) => value <= threshold,
};

const TREATMENTS: readonly string[] = ['breaching', 'notBreaching', 'ignore', 'missing'];

/**
 * @param points one for each period, the newest last; undefined where data is missing
 * @param before the state until now, which stays where missing data is to be ignored
 * @throws Error for a comparison or a treatment of missing data that it does not know
 */
export const alarmState = (
  rule: AlarmRule,
  points: readonly (number | undefined)[],
  before: AlarmStateValue,
): AlarmStateValue => {
  const { threshold, comparison, evaluationPeriods, datapointsToAlarm, treatMissingData } = rule;
  const isBreaching = COMPARISONS[comparison];
  if (isBreaching === undefined) throw new Error(`an alarm compares by ${comparison}, which is not supported here`);
  if (!TREATMENTS.includes(treatMissingData)) {
    throw new Error(`an alarm treats missing data as ${treatMissingData}, which is not supported here`);
  }
  const range = points.slice(-(evaluationPeriods + MORE_PERIODS));
  const existing = range.flatMap((point) => (point === undefined ? [] : [point]));
  const breaching = existing.slice(-evaluationPeriods).filter((point) => isBreaching(point, threshold)).length;
  if (existing.length === 0 && treatMissingData === 'ignore') return before;
  if (existing.length === 0 && treatMissingData === 'missing') return 'INSUFFICIENT_DATA';
  const missing = treatMissingData === 'breaching' ? Math.max(0, evaluationPeriods - existing.length) : 0;
  return breaching + missing >= datapointsToAlarm ? 'ALARM' : 'OK';
};
