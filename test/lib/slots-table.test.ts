/** The table of slots as it is deployed, and how long an extension may hold. */
import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { InvalidSettingError } from '../../lib/limits.ts';
import { bookingExpirySettings } from '../../lib/settings.ts';
import { grantsOf, KEY, synth } from '../support/stack.ts';

const template = synth();
const tableOf = (from: Template) => from.toJSON().Resources.SlotsTable;
const variablesOf = (from: Template) => from.toJSON().Resources.BookingsApiFunction.Properties.Environment.Variables;
const tagsOf = (from: Template): Record<string, unknown> => {
  const { Tags } = from.toJSON().Resources.BookingsTable.Properties;
  return Object.fromEntries(Tags.map(({ Key, Value }: { Key: string; Value: unknown }) => [Key, Value]));
};

describe('the slots table', () => {
  test('is on demand, recoverable, has one key, and forgets holds that lapsed', () => {
    expect(tableOf(template)).toMatchObject({
      Type: 'AWS::DynamoDB::Table',
      Properties: {
        KeySchema: [{ AttributeName: 'slotId', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'slotId', AttributeType: 'S' }],
        BillingMode: 'PAY_PER_REQUEST',
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        TimeToLiveSpecification: { AttributeName: 'purgeAt', Enabled: true },
      },
    });
    expect(tableOf(template).Properties.GlobalSecondaryIndexes).toBeUndefined();
    expect(tableOf(template).Properties.StreamSpecification).toBeUndefined();
  });

  test('may be deleted with a development stack, and is kept and protected everywhere else, as the bookings are', () => {
    for (const stage of ['dev', 'prod']) {
      const { SlotsTable, BookingsTable } = synth({ stage }).toJSON().Resources;
      expect(SlotsTable.DeletionPolicy).toBe({ dev: 'Delete', prod: 'RetainExceptOnCreate' }[stage]);
      expect(SlotsTable.DeletionPolicy).toBe(BookingsTable.DeletionPolicy);
      expect(SlotsTable.UpdateReplacePolicy).toBe(BookingsTable.UpdateReplacePolicy);
      expect(SlotsTable.Properties.DeletionProtectionEnabled).toBe(stage === 'prod');
    }
  });

  test('is encrypted by a key of the customer’s own, if there is one', () => {
    const { Properties } = tableOf(synth({ kmsKeyArn: KEY }));
    expect(Properties.SSESpecification).toMatchObject({ SSEType: 'KMS', KMSMasterKeyId: KEY });
  });

  test('is no part of the bookings table: that one needs no index and no key for slots', () => {
    const { AttributeDefinitions, GlobalSecondaryIndexes } = template.toJSON().Resources.BookingsTable.Properties;
    expect(JSON.stringify([AttributeDefinitions, GlobalSecondaryIndexes])).not.toMatch(/slot/i);
  });

  test('is known to the API alone, and to whoever reads the tags of the bookings table', () => {
    expect(variablesOf(template).SLOTS_TABLE).toEqual({ Ref: 'SlotsTable' });
    expect(tagsOf(template)['booking-expiry:slots-table']).toEqual({ Ref: 'SlotsTable' });
    for (const name of ['ScheduleExpiry', 'ExpireBooking', 'Sweep', 'PublishEvents']) {
      const { Properties } = template.toJSON().Resources[`${name}Function`];
      expect(Properties.Environment.Variables, name).not.toHaveProperty('SLOTS_TABLE');
      expect(JSON.stringify(grantsOf(template, `${name}Function`)), name).not.toContain('SlotsTable');
    }
  });
});

describe('maxHoldSeconds', () => {
  test('reaches the API and the tags, and is nowhere without', () => {
    const limited = synth({ maxHoldSeconds: 1_800 });
    expect(variablesOf(limited).MAX_HOLD_SECONDS).toBe('1800');
    expect(tagsOf(limited)['booking-expiry:max-hold-seconds']).toBe('1800');
    expect(variablesOf(template)).not.toHaveProperty('MAX_HOLD_SECONDS');
    expect(tagsOf(template)).not.toHaveProperty('booking-expiry:max-hold-seconds');
  });

  test.each([1, '1', 31_622_400])('may be %j', (maxHoldSeconds) => {
    expect(bookingExpirySettings({ maxHoldSeconds }).maxHoldSeconds).toBe(Number(maxHoldSeconds));
  });

  test.each([0, '0', -1, 1.5, '31622401', 'never', '10m', ''])('%j fails with what is allowed', (maxHoldSeconds) => {
    const make = () => bookingExpirySettings({ maxHoldSeconds } as never);
    expect(make).toThrow(InvalidSettingError);
    expect(make).toThrow(
      `maxHoldSeconds must be a whole number from 1 to 31622400, got ${JSON.stringify(maxHoldSeconds)}`,
    );
  });
});
