/** The CDK app: reads the settings from the context and builds the one stack. */
import { App, Tags } from 'aws-cdk-lib';
import { BookingExpiryStack } from '../lib/booking-expiry-stack.ts';
import { InvalidSettingError } from '../lib/limits.ts';
import { settingsFromContext } from '../lib/settings.ts';

const app = new App();
try {
  const settings = settingsFromContext(app);
  Tags.of(app).add('service', 'booking-expiry');
  Tags.of(app).add('stage', settings.stage);
  new BookingExpiryStack(app, `booking-expiry-${settings.stage}`, { settings });
} catch (error) {
  if (!(error instanceof InvalidSettingError)) throw error;
  console.error(`booking-expiry: ${error.message}`);
  process.exit(1);
}
