/**
 * Pollers that are provisioned for a queue, as Lambda takes and runs them: what it would refuse at a deployment is refused here
 * (AWS Lambda Developer Guide, "Configuring scaling behavior for SQS event source mappings").
 */
import type { SqsEventSourceSettings } from './sqs-event-source.ts';
import { UnsupportedTemplateError } from './template.ts';

/** As a mapping says it. What is left out is Lambda's to choose. */
export interface ProvisionedPollerConfig {
  readonly MinimumPollers?: number;
  readonly MaximumPollers?: number;
  readonly PollerGroupName?: string;
}

/** How many batches of one mapping run at once, and how fast that grows. */
type QueueScaling = Pick<SqsEventSourceSettings, 'concurrencyAtFirst' | 'concurrencyPerSecond' | 'maxConcurrency'>;

/** Batches that one poller brings at once. */
const BATCHES_A_POLLER = 10;
/** Batches at once that provisioned pollers add in a minute. */
const PROVISIONED_BATCHES_A_MINUTE = 1_000;
/** What each number may be, and what it is unless the mapping says. */
const MINIMUM_POLLERS = { least: 2, most: 200, otherwise: 2 };
const MAXIMUM_POLLERS = { least: 2, most: 2_000, otherwise: 200 };

/**
 * How Lambda polls a queue.
 *
 * @param maxConcurrency most batches at once that the Lambda and the mapping allow
 * @throws UnsupportedTemplateError for pollers that Lambda would refuse: the message says what is allowed
 */
export const scalingOf = (
  logicalId: string,
  config: ProvisionedPollerConfig | undefined,
  scalingConfig: { readonly MaximumConcurrency?: number } | undefined,
  maxConcurrency: number,
): QueueScaling => {
  if (config === undefined) return { maxConcurrency };
  const problem = (text: string) => new UnsupportedTemplateError([`ProvisionedPollerConfig of ${logicalId}: ${text}`]);
  if (scalingConfig?.MaximumConcurrency !== undefined) {
    throw problem('Lambda takes it or ScalingConfig.MaximumConcurrency, and not both');
  }
  if (config.PollerGroupName !== undefined) {
    throw problem(`PollerGroupName is for Kafka, got ${JSON.stringify(config.PollerGroupName)} for a queue`);
  }
  const numberOf = (name: 'MinimumPollers' | 'MaximumPollers', limit: typeof MINIMUM_POLLERS): number => {
    const given = config[name] ?? limit.otherwise;
    if (!Number.isInteger(given) || given < limit.least || given > limit.most) {
      const rule = `must be a whole number from ${limit.least} to ${limit.most} for a queue`;
      throw problem(`${name} ${rule}, got ${JSON.stringify(given)}`);
    }
    return given;
  };
  const least = numberOf('MinimumPollers', MINIMUM_POLLERS);
  const most = numberOf('MaximumPollers', MAXIMUM_POLLERS);
  if (least > most) throw problem(`MinimumPollers must be at most MaximumPollers, which is ${most}, got ${least}`);
  return {
    concurrencyAtFirst: BATCHES_A_POLLER * least,
    concurrencyPerSecond: Math.round(PROVISIONED_BATCHES_A_MINUTE / 60),
    maxConcurrency: Math.min(BATCHES_A_POLLER * most, maxConcurrency),
  };
};
