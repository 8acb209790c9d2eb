import { CloudWatchClient, GetMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { LambdaClient, ListEventSourceMappingsCommand } from '@aws-sdk/client-lambda';
import { mockClient } from 'aws-sdk-client-mock';
import { describe, expect, onTestFinished, test } from 'vitest';
import { lookAtReaders, readerProblems } from '../../commands/event-sources.ts';
import { LOCAL_CREDENTIALS, REGION } from '../../local/engines.ts';
import type { EventSourceMapping } from '../../local/event-source-mapping.ts';
import { startMonitoringApi } from '../../local/monitoring-api.ts';

const STREAM = 'arn:aws:dynamodb:us-east-1:000000000000:table/Bookings/stream/2026';
const QUEUE = 'arn:aws:sqs:us-east-1:000000000000:timers';
const MINUTE_MS = 60_000;

const schedule: EventSourceMapping = {
  uuid: 'a',
  eventSourceArn: STREAM,
  functionName: 'schedule-expiry',
  progress: () => ({ lastProcessingResult: 'OK', iteratorAgeMs: 0 }),
};
const publish: EventSourceMapping = {
  uuid: 'b',
  eventSourceArn: STREAM,
  functionName: 'publish-events',
  progress: () => ({ lastProcessingResult: 'PROBLEM: Function call failed', iteratorAgeMs: 90_000 }),
};
const expire: EventSourceMapping = {
  uuid: 'c',
  eventSourceArn: QUEUE,
  functionName: 'expire-booking',
  progress: () => ({}),
};
const another: EventSourceMapping = { ...publish, uuid: 'd', eventSourceArn: `${STREAM}-of-another-table` };

const lookAt = async (...mappings: EventSourceMapping[]) => {
  const { endpoint, stop } = await startMonitoringApi(
    mappings,
    () => [],
    () => undefined,
  );
  try {
    return await lookAtReaders({ region: REGION, endpoint, credentials: LOCAL_CREDENTIALS }, STREAM, QUEUE, Date.now());
  } finally {
    await stop();
  }
};

describe('the readers of the table’s stream and of the timer queue', () => {
  test('are told with how far behind each is', async () => {
    const readers = await lookAt(schedule, publish, expire, another);
    expect(readers).toEqual([
      { functionName: 'schedule-expiry', reads: 'stream', state: 'Enabled', lastResult: 'OK', behindMs: 0 },
      {
        functionName: 'publish-events',
        reads: 'stream',
        state: 'Enabled',
        lastResult: 'PROBLEM: Function call failed',
        behindMs: 90_000,
      },
      { functionName: 'expire-booking', reads: 'timers', state: 'Enabled', lastResult: undefined, behindMs: undefined },
    ]);
    expect(readerProblems(readers, MINUTE_MS)).toEqual([
      'publish-events is 90 s behind the table’s stream (PROBLEM: Function call failed)',
    ]);
    expect(readerProblems(readers, 2 * MINUTE_MS)).toEqual([]);
  });

  test('are a problem when one is switched off', async () => {
    const readers = await lookAt({ ...schedule, progress: undefined }, { ...expire, progress: undefined });
    expect(readerProblems(readers, MINUTE_MS)).toEqual([
      'schedule-expiry does not read the table’s stream: its mapping is Disabled',
      'expire-booking does not read the timer queue: its mapping is Disabled',
    ]);
  });

  test('are a problem when there are none', async () => {
    expect(readerProblems(await lookAt(expire), MINUTE_MS)).toEqual(['nothing reads the table’s stream']);
  });
});

describe('on AWS', () => {
  test('mappings come in pages, functions by their ARNs, and the newest age counts', async () => {
    const [lambda, cloudWatch] = [mockClient(LambdaClient), mockClient(CloudWatchClient)];
    onTestFinished(() => {
      lambda.restore();
      cloudWatch.restore();
    });
    const functionArn = (name: string) => `arn:aws:lambda:eu-central-1:123456789012:function:${name}`;
    lambda
      .on(ListEventSourceMappingsCommand, { EventSourceArn: STREAM })
      .resolves({
        EventSourceMappings: [{ FunctionArn: functionArn('schedule'), State: 'Enabled' }],
        NextMarker: 'more',
      })
      .on(ListEventSourceMappingsCommand, { EventSourceArn: STREAM, Marker: 'more' })
      .resolves({ EventSourceMappings: [{ FunctionArn: functionArn('publish:live'), State: 'Disabling' }] });
    cloudWatch.on(GetMetricDataCommand).resolves({
      MetricDataResults: [
        { Id: 'reader1', Values: [] },
        { Id: 'reader0', Values: [1_234, 99_999] },
      ],
    });
    expect(await lookAtReaders({ region: 'eu-central-1' }, STREAM, undefined, Date.now())).toEqual([
      { functionName: 'schedule', reads: 'stream', state: 'Enabled', lastResult: undefined, behindMs: 1_234 },
      { functionName: 'publish', reads: 'stream', state: 'Disabling', lastResult: undefined, behindMs: undefined },
    ]);
    const [query] = cloudWatch.commandCalls(GetMetricDataCommand)[0]?.args[0].input.MetricDataQueries ?? [];
    expect(query?.MetricStat?.Metric).toEqual({
      Namespace: 'AWS/Lambda',
      MetricName: 'IteratorAge',
      Dimensions: [{ Name: 'FunctionName', Value: 'schedule' }],
    });
  });
});
