import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { BookingExpiryStack } from '../../lib/booking-expiry-stack.ts';
import { bookingExpirySettings } from '../../lib/settings.ts';

/** The stack's template without its bundles, which is what makes a synthesis slow. */
export const synth = (given: Parameters<typeof bookingExpirySettings>[0] = {}): Template => {
  const app = new App({ context: { 'aws:cdk:bundling-stacks': [] } });
  const settings = bookingExpirySettings(given);
  return Template.fromStack(new BookingExpiryStack(app, `booking-expiry-${settings.stage}`, { settings }));
};
