/** All steps, in their order. docs/unverified.md says what each of them verifies. */
import { alarm, metrics } from './alarm-steps.ts';
import { batchWrite } from './batch-step.ts';
import { apiBooking, bareBooking, extendedBooking, paidBooking } from './booking-steps.ts';
import { event } from './event-step.ts';
import { slots } from './slots-step.ts';
import type { Step } from './step.ts';
import { cronWebhook, farBooking, foundBySweep, scheduledSweep } from './sweep-steps.ts';
import { authorization, deadLetters, openRoutes, readers } from './wiring-steps.ts';

export const STEPS: readonly Step[] = [
  readers,
  openRoutes,
  authorization,
  apiBooking,
  bareBooking,
  paidBooking,
  extendedBooking,
  slots,
  batchWrite,
  event,
  // Before the sweeps that the command asks for: they leave the same note.
  scheduledSweep,
  cronWebhook,
  foundBySweep,
  farBooking,
  metrics,
  alarm,
  deadLetters,
];
