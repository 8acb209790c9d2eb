import { CfnOutput, Duration, Stack, type StackProps, Tags } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { DEAD_LETTERS_TAG_PREFIX, ENV, PENDING_INDEX, TABLE_TAGS } from '../functions/contract.ts';
import { Alarms } from './alarms.ts';
import { BookingTable } from './booking-table.ts';
import { BookingsApi } from './bookings-api.ts';
import { OperatorsDashboard } from './dashboard.ts';
import { ExpireBooking, expireBookingTimeout } from './expire-booking.ts';
import { PublishEvents } from './publish-events.ts';
import { ScheduleExpiry } from './schedule-expiry.ts';
import type { BookingExpirySettings } from './settings.ts';
import { Sweep } from './sweep.ts';
import { TimerQueue } from './timer-queue.ts';

export interface BookingExpiryStackProps extends StackProps {
  readonly settings: BookingExpirySettings;
}

/** The whole service: makes its parts and hands them to each other. */
export class BookingExpiryStack extends Stack {
  constructor(scope: Construct, id: string, { settings, ...props }: BookingExpiryStackProps) {
    super(scope, id, {
      description: 'Bookings whose hold lapses become EXPIRED, on time and never after they were paid',
      terminationProtection: settings.removalPolicy === 'retain',
      ...props,
    });
    const key = settings.kmsKeyArn === undefined ? undefined : Key.fromKeyArn(this, 'Key', settings.kmsKeyArn);
    const timeout = expireBookingTimeout(settings.timerLeadMs);
    const timers = new TimerQueue(this, 'Timers', { consumerTimeout: timeout, key });
    const bookings = new BookingTable(this, 'Bookings', { settings, timerQueueUrl: timers.queue.queueUrl, key });
    const serviceName = this.stackName;
    const environment = {
      [ENV.bookingsTable]: bookings.table.tableName,
      [ENV.timerQueueUrl]: timers.queue.queueUrl,
      [ENV.shardCount]: String(settings.shardCount),
      [ENV.timerLeadMs]: String(settings.timerLeadMs),
      [ENV.sweepIntervalMinutes]: String(settings.sweepIntervalMinutes),
    };

    const schedule = new ScheduleExpiry(this, 'ScheduleExpiry', { bookings, timers, environment, serviceName, key });
    const expire = new ExpireBooking(this, 'ExpireBooking', {
      bookings,
      timers,
      timeout,
      environment,
      serviceName,
      key,
    });
    const sweep = new Sweep(this, 'Sweep', {
      bookings,
      timers,
      interval: Duration.minutes(settings.sweepIntervalMinutes),
      givenUpQueue: schedule.deadLetterQueue,
      environment: { ...environment, [ENV.sweepStateTable]: bookings.sweepStateTable.tableName },
      serviceName,
      key,
    });

    const api = new BookingsApi(this, 'BookingsApi', {
      bookings,
      timers,
      settings,
      environment: { ...environment, [ENV.sweepStateTable]: bookings.sweepStateTable.tableName },
      serviceName,
      key,
    });

    const publish = new PublishEvents(this, 'PublishEvents', { bookings, settings, environment: {}, serviceName, key });

    const watched = {
      serviceName,
      sweepInterval: Duration.minutes(settings.sweepIntervalMinutes),
      deadLetterQueues: {
        timer: timers.deadLetterQueue,
        'schedule-expiry': schedule.deadLetterQueue,
        sweep: sweep.deadLetterQueue,
        'publish-events': publish.deadLetterQueue,
      },
      streamReaders: { 'schedule-expiry': schedule.lambda, 'publish-events': publish.lambda },
      timerQueue: timers.queue,
      sweep: sweep.lambda,
      apiErrors: api.serverErrors,
      email: settings.alarmEmail,
      key,
    };
    for (const [name, queue] of Object.entries(watched.deadLetterQueues)) {
      Tags.of(bookings.table).add(`${DEAD_LETTERS_TAG_PREFIX}${name}`, queue.queueUrl);
    }
    const alarms = new Alarms(this, 'Alarms', watched);
    Tags.of(bookings.table).add(TABLE_TAGS.alarmPrefix, alarms.prefix);
    if (settings.dashboard) new OperatorsDashboard(this, 'Operators', { ...watched, alarms });

    const outputs: Record<string, [value: string, description: string]> = {
      BookingsTableName: [bookings.table.tableName, 'Table that bookings are written to'],
      PendingIndexName: [PENDING_INDEX, 'Index of PENDING bookings by shard and deadline'],
      SweepStateTableName: [bookings.sweepStateTable.tableName, 'What one sweep tells the next'],
      TimerQueueUrl: [timers.queue.queueUrl, 'Queue that timers wait in'],
      TimerDeadLetterQueueUrl: [timers.deadLetterQueue.queueUrl, 'Timers that could not be processed'],
      ScheduleExpiryDeadLetterQueueUrl: [
        schedule.deadLetterQueue.queueUrl,
        'Stream records that could not be processed',
      ],
      SweepDeadLetterQueueUrl: [sweep.deadLetterQueue.queueUrl, 'Sweeps that failed'],
      ScheduleExpiryFunctionName: [schedule.lambda.functionName, 'Sends timers'],
      ExpireBookingFunctionName: [expire.lambda.functionName, 'Expires bookings at their deadline'],
      SweepScheduleName: [sweep.scheduleName, 'Schedule that starts the sweep'],
      SweepFunctionName: [sweep.lambda.functionName, 'Expires what the timers missed'],
      BookingsApiFunctionName: [api.lambda.functionName, 'Serves the HTTP API'],
      PublishEventsFunctionName: [publish.lambda.functionName, 'Publishes events'],
      PublishEventsDeadLetterQueueUrl: [
        publish.deadLetterQueue.queueUrl,
        'Stream records whose events were not published',
      ],
      EventBusName: [publish.busName, 'Bus that BookingExpired is published on'],
      AlarmTopicArn: [alarms.topic.topicArn, 'Topic that the alarms go to'],
      ApiUrl: [api.url, 'The HTTP API'],
      CronTokenSecretArn: [api.cronTokenSecretArn, 'Secret that holds the token of the cron webhook'],
    };
    for (const [name, [value, description]] of Object.entries(outputs))
      new CfnOutput(this, name, { value, description });
  }
}
