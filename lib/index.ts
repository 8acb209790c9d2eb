/** What the package gives to CDK apps. */
export { COUNTS, METRICS, METRICS_NAMESPACE, type MetricName } from '../functions/contract.ts';
export {
  type AddedAttributes,
  DEADLINE_UNITS,
  type DeadlineUnit,
  InvalidTableError,
  type KeyAttribute,
  type PlainValue,
  type TableDescription,
  type TableShape,
} from '../functions/table/shape.ts';
export type { AlarmRule, Alarms } from './alarms.ts';
export { BookingExpiry, type ExpiryDeadLetterQueues } from './booking-expiry.ts';
export type {
  BookingExpiryProps,
  ExpiryAlarmOptions,
  ExpiryEventOptions,
  ExpiryWebhookOptions,
  TimerPollerOptions,
} from './booking-expiry-props.ts';
export { InvalidSettingError } from './limits.ts';
export type { TableKey } from './table-description.ts';
