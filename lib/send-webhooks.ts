import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Stats } from 'aws-cdk-lib/aws-cloudwatch';
import { type IEventBus, type IRuleTarget, Rule } from 'aws-cdk-lib/aws-events';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { type IQueue, Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { ENV } from '../functions/contract.ts';
import { EVENT_SOURCE } from '../functions/core/booking-events.ts';
import type { AlarmRule } from './alarms.ts';
import { queueEncryption } from './encryption.ts';
import { readQueue } from './event-sources.ts';
import { acceptFinding } from './findings.ts';
import { allow } from './grants.ts';
import { sumOf } from './metrics.ts';
import { NodeFunction, type NodeFunctionProps } from './node-function.ts';
import { deadLetterQueue } from './timer-queue.ts';

/** Ten seconds for the application to answer, and two rounds with SQS and Secrets Manager of three tries of two seconds. */
const TIMEOUT = Duration.seconds(30);
/** Six times the function's timeout (AWS Lambda Developer Guide, SQS event sources, queue configuration). */
const VISIBILITY_TIMEOUT = Duration.seconds(6 * TIMEOUT.toSeconds());
/** The tries of a webhook take 22 hours. Shorter than the dead-letter queue's, which counts from the first enqueueing. */
const RETENTION = Duration.days(4);
/**
 * Counts receives that came to nothing because of us or of AWS: no try of a webhook that the application refuses. A long pause
 * is one more receive.
 */
const MAX_RECEIVES = 10;
/** Batches of ten at once, at most: what an application must be able to take. Those that are tried again get a share of their own. */
const CONCURRENT_BATCHES = { new: 10, triedAgain: 5 };
/** Letters and digits only, a multiple of four of them: they are base64 as they stand, of 33 bytes. */
const SECRET_LENGTH = 44;
/** A webhook waits for another try, for this many minutes on end, before somebody is told. */
const MINUTES_OF_TRIES = 15;

export interface SendWebhooksProps extends Pick<NodeFunctionProps, 'serviceName' | 'key'> {
  readonly bus: IEventBus;
  readonly url: string;
}

/**
 * The event bus to the customer's application. A rule puts each event into a queue, and a Lambda posts it, signed. What fails
 * waits for its next try in a queue of its own, so that it never holds up a new one.
 */
export class SendWebhooks extends Construct {
  readonly lambda: IFunction;
  /** New webhooks, as the bus sends them. */
  readonly queue: IQueue;
  /** Those that are tried again. */
  readonly retryQueue: IQueue;
  /** Those that were given up. */
  readonly deadLetterQueue: IQueue;
  /** Made by the stack, read by the Lambda when it is used: rotated without a deployment. */
  readonly secret: ISecret;

  constructor(scope: Construct, id: string, { bus, url, serviceName, key }: SendWebhooksProps) {
    super(scope, id);
    const deadLetters = deadLetterQueue(this, 'SendWebhooksDeadLetterQueue', key);
    this.deadLetterQueue = deadLetters;
    this.queue = this.#queue('WebhookQueue', deadLetters, key);
    this.retryQueue = this.#queue('WebhookRetryQueue', deadLetters, key);

    const secret = new Secret(this, 'WebhookSecret', {
      description: 'Signs webhooks: whsec_ and this text is what receivers verify with',
      ...(key && { encryptionKey: key }),
      generateSecretString: { passwordLength: SECRET_LENGTH, excludePunctuation: true },
      removalPolicy: RemovalPolicy.DESTROY,
    });
    acceptFinding(
      secret,
      'AwsSolutions-SMG4',
      'the receiver is elsewhere: whoever rotates it passes it on to the receiver, docs/webhooks.md says how',
    );
    // For whoever compiles with exactOptionalPropertyTypes, CDK's own secret is no ISecret.
    this.secret = secret as ISecret;

    const lambda = new NodeFunction(this, 'SendWebhooksFunction', {
      entry: 'send-webhooks',
      timeout: TIMEOUT,
      memorySize: 256,
      environment: {
        [ENV.webhookUrl]: url,
        [ENV.webhookSecret]: secret.secretArn,
        [ENV.webhookQueueUrl]: this.queue.queueUrl,
        [ENV.webhookRetryQueueUrl]: this.retryQueue.queueUrl,
        [ENV.deadLetterQueueUrl]: deadLetters.queueUrl,
      },
      serviceName,
      key,
    });
    this.lambda = lambda;
    allow(lambda, secret.secretArn, 'secretsmanager:GetSecretValue');
    allow(lambda, this.retryQueue.queueArn, 'sqs:SendMessage');
    allow(lambda, deadLetters.queueArn, 'sqs:SendMessage');
    for (const [queue, maxConcurrency] of [
      [this.queue, CONCURRENT_BATCHES.new],
      [this.retryQueue, CONCURRENT_BATCHES.triedAgain],
    ] as const) {
      readQueue(lambda, queue, { maxConcurrency });
      allow(lambda, queue.queueArn, 'sqs:ChangeMessageVisibility');
    }
    this.#bringEvents(bus, this.queue, deadLetters);
  }

  /** Goes off while webhooks wait for another try and none gets through: long before the first is given up. */
  get lateRule(): AlarmRule {
    const waiting = {
      delayed: this.retryQueue.metricApproximateNumberOfMessagesDelayed(WAITING),
      away: this.retryQueue.metricApproximateNumberOfMessagesNotVisible(WAITING),
      visible: this.retryQueue.metricApproximateNumberOfMessagesVisible(WAITING),
    };
    return {
      name: 'webhooks-late',
      description: `Webhooks have been waiting for another try for ${MINUTES_OF_TRIES} minutes: the receiver does not take them.`,
      section: 'webhooks-late',
      metric: sumOf(waiting, { period: WAITING.period, label: 'webhooks that wait for another try' }),
      threshold: 0,
      evaluationPeriods: MINUTES_OF_TRIES,
    };
  }

  #queue(id: string, deadLetters: IQueue, key: IKey | undefined): Queue {
    return new Queue(this, id, {
      visibilityTimeout: VISIBILITY_TIMEOUT,
      retentionPeriod: RETENTION,
      deadLetterQueue: { queue: deadLetters, maxReceiveCount: MAX_RECEIVES },
      ...queueEncryption(key),
      enforceSSL: true,
    });
  }

  /** Written out: CDK's own target lets EventBridge do more than it does. */
  #bringEvents(bus: IEventBus, queue: IQueue, deadLetters: Queue): void {
    const target: IRuleTarget = {
      bind: () => ({ arn: queue.queueArn, deadLetterConfig: { arn: deadLetters.queueArn } }),
    };
    const rule = new Rule(this, 'Events', {
      eventBus: bus,
      description: 'Brings each event of bookings to the webhooks',
      eventPattern: { source: [EVENT_SOURCE] },
      targets: [target],
    });
    for (const each of [queue, deadLetters]) {
      each.addToResourcePolicy(
        new PolicyStatement({
          sid: 'EventsOfThisRule',
          principals: [new ServicePrincipal('events.amazonaws.com')],
          actions: ['sqs:SendMessage'],
          resources: [each.queueArn],
          conditions: { ArnEquals: { 'aws:SourceArn': rule.ruleArn } },
        }),
      );
    }
  }
}

const WAITING = { statistic: Stats.MINIMUM, period: Duration.minutes(1) };
