import { expect, test } from 'vitest';
import { createHandler as createPublish } from '../../functions/publish-events.ts';
import { createHandler as createSchedule } from '../../functions/schedule-expiry.ts';
import { BOOKINGS_SHAPE } from '../../functions/table/shape.ts';
import { recordingDeadLetters } from '../support/dead-letters.ts';
import { recordingTelemetry } from '../support/telemetry.ts';

test('what a customer’s application keeps with a booking never gets into the logs, whatever fails', async () => {
  const { telemetry, lines } = recordingTelemetry();
  const NewImage = {
    bookingId: { S: 'b-1' },
    status: { S: 'PENDING' },
    expiresAtMs: { N: '1800000060000' },
    details: { M: { passport: { S: 'X-secret-1' } } },
  };
  const schedule = createSchedule({
    store: { adopt: async () => new Map([['b-1', { kind: 'failed' as const, error: new Error('down') }]]) },
    queue: { send: async (timers) => timers.map((scheduled) => ({ scheduled, error: new Error('down') })) },
    deadLetters: recordingDeadLetters().deadLetters,
    clock: () => 1_800_000_000_000,
    telemetry,
    shape: BOOKINGS_SHAPE,
    shardCount: 10,
    settings: { timerLeadMs: 1_000, sweepIntervalMs: 300_000 },
  });
  await schedule({ Records: [{ dynamodb: { SequenceNumber: '1', NewImage } }] });
  const publish = createPublish({
    bus: { publish: async (events) => events.map((event) => ({ event, error: new Error('down') })) },
    deadLetters: recordingDeadLetters().deadLetters,
    telemetry,
    shape: BOOKINGS_SHAPE,
  });
  const expired = { ...NewImage, status: { S: 'EXPIRED' }, expiredAtMs: { N: '1800000060001' } };
  await publish({ Records: [{ dynamodb: { SequenceNumber: '2', OldImage: NewImage, NewImage: expired } }] });
  expect(lines.length).toBeGreaterThanOrEqual(3);
  expect(JSON.stringify(lines)).not.toContain('X-secret-1');
});
