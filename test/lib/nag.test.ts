/** cdk-nag's AwsSolutions pack over the whole stack: no finding that has not been accepted for a reason. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Validations } from 'aws-cdk-lib';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, test } from 'vitest';
import { BookingExpiryStack } from '../../lib/booking-expiry-stack.ts';
import { bookingExpirySettings } from '../../lib/settings.ts';
import { appWithoutBundles, SETTINGS_TO_WALK } from '../support/stack.ts';

/** Findings that nobody has accepted, as `rule construct`. */
const findingsOf = (
  given: Parameters<typeof bookingExpirySettings>[0],
  spoil?: (stack: BookingExpiryStack) => void,
): string[] => {
  const outdir = mkdtempSync(join(tmpdir(), 'nag-'));
  const app = appWithoutBundles({ outdir });
  const stack = new BookingExpiryStack(app, 'booking-expiry', { settings: bookingExpirySettings(given) });
  spoil?.(stack);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app, { verbose: true }));
  try {
    app.synth();
    return [];
  } catch {
    const { pluginReports } = JSON.parse(readFileSync(join(outdir, 'validation-report.json'), 'utf8'));
    return pluginReports.flatMap(
      (report: { violations: { ruleName: string; violatingConstructs?: { constructPath: string }[] }[] }) =>
        report.violations.map(
          ({ ruleName, violatingConstructs = [] }) =>
            `${ruleName} ${violatingConstructs.map(({ constructPath }) => constructPath)}`,
        ),
    );
  }
};

describe('the stack has no unexplained finding', () => {
  test.each(SETTINGS_TO_WALK.map((settings) => [settings]))('with %j', (given) => {
    expect(findingsOf(given)).toEqual([]);
  });

  test('and one would be found', () => {
    expect(findingsOf({ stage: 'prod' }, (stack) => new Bucket(stack, 'Open')).join()).toContain('AwsSolutions-S1');
  });
});
