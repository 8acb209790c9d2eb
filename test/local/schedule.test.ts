import { describe, expect, test } from 'vitest';
import { LocalSchedule } from '../../local/schedule.ts';
import { eventually, lambdaOf, scriptedLambda } from '../support/lambda.ts';

describe('a schedule', () => {
  const settings = { periodMs: 3_600_000, input: {}, maxRetryAttempts: 0, maxEventAgeMs: 60_000, onProblem: () => {} };

  test('fires at once, then at its rate', async () => {
    let fired = 0;
    const schedule = new LocalSchedule(
      scriptedLambda(() => {
        fired += 1;
      }),
      { ...settings, periodMs: 50, onDiscarded: undefined },
    );
    schedule.start();
    await eventually(
      () => fired,
      (count) => count >= 3,
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
