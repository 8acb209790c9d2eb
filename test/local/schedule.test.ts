import { describe, expect, test } from 'vitest';
import { LocalSchedule } from '../../local/schedule.ts';
import { eventually, lambdaOf, scriptedLambda } from '../support/lambda.ts';

describe('a schedule', () => {
  const settings = {
    periodMs: 3_600_000,
    firesAtStart: false,
    input: {},
    maxRetryAttempts: 0,
    maxEventAgeMs: 60_000,
    onProblem: () => {},
  };

  test.each([
    [true, 3_600_000, 1],
    [false, 50, 3],
  ])('fires at its start: %s, and then every %d ms', async (firesAtStart, periodMs, times) => {
    let fired = 0;
    const schedule = new LocalSchedule(
      scriptedLambda(() => {
        fired += 1;
      }),
      { ...settings, periodMs, firesAtStart, onDiscarded: undefined },
    );
    schedule.start();
    await eventually(
      () => fired,
      (count) => count >= times,
    );
    await schedule.stop();
  });

  test('hands over an invocation that failed for good, with what it was asked and what it answered', async () => {
    const discarded: unknown[] = [];
    const lambda = lambdaOf('exports.handler = async () => { throw new Error("no table"); }');
    const schedule = new LocalSchedule(lambda, {
      ...settings,
      input: { why: 'test' },
      onDiscarded: async (description) => {
        discarded.push(description);
      },
    });
    await schedule.fire();
    expect(discarded).toMatchObject([
      {
        requestContext: { condition: 'RetriesExhausted' },
        requestPayload: { why: 'test' },
        responsePayload: { errorMessage: 'no table' },
      },
    ]);
    await lambda.stop();
  });
});
