/** What each Lambda of our own stack may do, and to what. */
import { describe, expect, test } from 'vitest';
import { arnOf, grantsOf, synth } from '../support/stack.ts';

const template = synth();

describe('the rights of each Lambda', () => {
  const index = { 'Fn::Join': ['', [arnOf('BookingsTable'), '/index/pending-by-expiry']] };
  const stream = { 'Fn::GetAtt': ['BookingsTable', 'StreamArn'] };
  const grantsBesideLogs = (functionId: string) => {
    const { 'logs:CreateLogStream': _stream, 'logs:PutLogEvents': _events, ...grants } = grantsOf(template, functionId);
    return grants;
  };

  test('schedule-expiry may do exactly what it does', () => {
    expect(grantsBesideLogs('ScheduleExpiryFunction')).toEqual({
      'dynamodb:BatchGetItem': arnOf('BookingsTable'),
      'dynamodb:PartiQLUpdate': arnOf('BookingsTable'),
      'dynamodb:UpdateItem': arnOf('BookingsTable'),
      'dynamodb:ListStreams': '*',
      'dynamodb:DescribeStream': stream,
      'dynamodb:GetRecords': stream,
      'dynamodb:GetShardIterator': stream,
      // To send timers, and to hand over discarded records.
      'sqs:SendMessage': [arnOf('TimerQueue'), arnOf('ScheduleExpiryDeadLetterQueue')],
    });
  });

  test('expire-booking may do exactly what it does', () => {
    expect(grantsBesideLogs('ExpireBookingFunction')).toEqual({
      'dynamodb:BatchGetItem': arnOf('BookingsTable'),
      'dynamodb:PartiQLUpdate': arnOf('BookingsTable'),
      'dynamodb:UpdateItem': arnOf('BookingsTable'),
      // To send a timer again, and to bury one.
      'sqs:SendMessage': [arnOf('TimerQueue'), arnOf('TimerDeadLetterQueue')],
      'sqs:ReceiveMessage': arnOf('TimerQueue'),
      'sqs:ChangeMessageVisibility': arnOf('TimerQueue'),
      'sqs:DeleteMessage': arnOf('TimerQueue'),
      'sqs:GetQueueAttributes': arnOf('TimerQueue'),
    });
  });

  test('sweep may query the index, look through the table, and write what it writes', () => {
    expect(grantsBesideLogs('SweepFunction')).toEqual({
      'dynamodb:BatchGetItem': arnOf('BookingsTable'),
      'dynamodb:PartiQLUpdate': arnOf('BookingsTable'),
      'dynamodb:Query': index,
      'dynamodb:GetItem': arnOf('SweepStateTable'),
      'dynamodb:UpdateItem': [arnOf('BookingsTable'), arnOf('SweepStateTable')],
      'dynamodb:Scan': arnOf('BookingsTable'),
      'sqs:SendMessage': [arnOf('TimerQueue'), arnOf('SweepDeadLetterQueue')],
      'sqs:GetQueueAttributes': arnOf('ScheduleExpiryDeadLetterQueue'),
    });
  });

  test('publish-events may read the stream and put events on its bus', () => {
    expect(grantsBesideLogs('PublishEventsFunction')).toEqual({
      'events:PutEvents': arnOf('BookingEvents'),
      'dynamodb:ListStreams': '*',
      'dynamodb:DescribeStream': stream,
      'dynamodb:GetRecords': stream,
      'dynamodb:GetShardIterator': stream,
      'sqs:SendMessage': arnOf('PublishEventsDeadLetterQueue'),
    });
  });

  test('bookings-api may make, read, move and delete bookings, list and sweep them, and read its one secret', () => {
    const byCustomer = { 'Fn::Join': ['', [arnOf('BookingsTable'), '/index/by-customer']] };
    expect(grantsBesideLogs('BookingsApiFunction')).toEqual({
      'dynamodb:BatchGetItem': [arnOf('BookingsTable'), arnOf('SlotsTable')],
      'dynamodb:PartiQLUpdate': arnOf('BookingsTable'),
      'dynamodb:PutItem': [arnOf('BookingsTable'), arnOf('IdempotencyTable'), arnOf('SlotsTable')],
      'dynamodb:Query': [index, byCustomer],
      'dynamodb:DeleteItem': [arnOf('BookingsTable'), arnOf('SlotsTable')],
      'dynamodb:GetItem': [arnOf('SweepStateTable'), arnOf('BookingsTable')],
      'dynamodb:UpdateItem': [arnOf('BookingsTable'), arnOf('SweepStateTable'), arnOf('IdempotencyTable')],
      'sqs:SendMessage': arnOf('TimerQueue'),
      'secretsmanager:GetSecretValue': { Ref: 'CronTokenSecret' },
    });
  });
});
