/** `booking-expiry/client`: for applications that write to a table on which the construct BookingExpiry runs. */
export type { DeadlineReading } from '../functions/core/hold-time.ts';
export {
  type AddedAttributes,
  type DeadlineUnit,
  InvalidTableError,
  type KeyAttribute,
  type PlainValue,
  type TableDescription,
} from '../functions/table/shape.ts';
export type { DeleteOfTable, PutOfTable, TransactInput, TransactItem, UpdateOfTable } from './document-writes.ts';
export { type HoldLength, InvalidMoveError, type OwnChanges, type Seen } from './input.ts';
export type { LapsedSlot } from './lapsed-slots.ts';
export type { HoldState } from './reading.ts';
export { MoveRefusedError, type Refusal, type RefusalOptions } from './refusal.ts';
export type { SlotState } from './slot-reading.ts';
export { type LookUpInput, type SlotsClient, slotsClient } from './slots-client.ts';
export type {
  BookingMove,
  CancelBooking,
  LoseSlots,
  NewBookingWithSlots,
  ReviveBooking,
  SlotsClientOptions,
} from './slots-client-input.ts';
export { type LapsedHold, type SlotsRefusal, SlotsTakenError, type TakenSlot } from './slots-refusal.ts';
export {
  type Extend,
  type Hold,
  type Move,
  type NewItem,
  type PutInput,
  type Settle,
  type TableClient,
  type TableClientOptions,
  tableClient,
  type UpdateInput,
} from './table-client.ts';
export type { Attributes } from './values.ts';
