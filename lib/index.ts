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
export {
  BookingExpiry,
  type BookingExpiryProps,
  type ExpiryAlarmOptions,
  type ExpiryDeadLetterQueues,
  type ExpiryEventOptions,
  type ExpiryWebhookOptions,
} from './booking-expiry.ts';
export { InvalidSettingError } from './limits.ts';
export type { TableKey } from './table-description.ts';
