/** What drives Lambdas has in common: finds Lambdas and queues by what names them in the template, and notes which are driven. */
import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { Assembly } from './assembly.ts';
import type { AwsCaller } from './aws-client.ts';
import type { LambdaHost } from './lambda-host.ts';
import { attempt, type LeftAside } from './left-aside.ts';
import type { References } from './references.ts';
import { resourcesOf, type Template, UnsupportedTemplateError } from './template.ts';

/** Something that brings events to a Lambda while it runs. */
export interface Source {
  start(): void;
  /** Stops; what is in flight finishes. */
  stop(): Promise<void>;
}

/** Where the template sends what is given up. */
export interface OnFailure {
  readonly OnFailure?: { readonly Destination?: string };
}

export class Wiring {
  readonly template: Template;
  readonly leftAside: LeftAside | undefined;
  readonly references: References;
  readonly sqsClient: SQSClient;
  /** What polls queues. */
  readonly queues: AwsCaller;
  /** What polls streams. */
  readonly streams: AwsCaller;
  readonly onProblem: (problem: string) => void;
  /** Every Lambda that something brings events to. */
  readonly driven = new Set<LambdaHost>();
  readonly #lambdas: ReadonlyMap<string, LambdaHost>;

  constructor(
    { template, leftAside }: Assembly,
    references: References,
    lambdas: ReadonlyMap<string, LambdaHost>,
    sqsClient: SQSClient,
    { queues, streams }: { readonly queues: AwsCaller; readonly streams: AwsCaller },
    onProblem: (problem: string) => void,
  ) {
    this.template = template;
    this.leftAside = leftAside;
    this.references = references;
    this.#lambdas = lambdas;
    this.sqsClient = sqsClient;
    this.queues = queues;
    this.streams = streams;
    this.onProblem = onProblem;
  }

  /** Reads each resource of a type. What cannot be run of one is left aside. */
  each<P, R>(type: string, read: (logicalId: string, properties: P) => R): R[] {
    return resourcesOf(this.template, type).flatMap(([logicalId, properties]) => {
      const found = attempt(this.leftAside, logicalId, () => [
        read(logicalId, this.references.resolve(properties) as P),
      ]);
      return found ?? [];
    });
  }

  /** Sends descriptions of discarded events to their destination, a queue of the template. */
  sendTo(destinationArn: string | undefined): ((description: unknown) => Promise<void>) | undefined {
    if (destinationArn === undefined) return undefined;
    const QueueUrl = this.queueUrlOf(destinationArn);
    return async (description) => {
      await this.sqsClient.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(description) }));
    };
  }

  /**
   * @param reference what names the Lambda: its name or its ARN
   * @throws UnsupportedTemplateError if no such Lambda runs
   */
  lambdaOf(reference: unknown): LambdaHost {
    const lambda = this.find(reference);
    if (lambda === undefined) throw new UnsupportedTemplateError([`target ${reference} is no Lambda that runs here`]);
    this.driven.add(lambda);
    return lambda;
  }

  /** The same, undefined if no such Lambda runs. */
  find(reference: unknown): LambdaHost | undefined {
    return this.#lambdas.get(this.references.ownerOf(String(reference)) ?? '');
  }

  /** @throws UnsupportedTemplateError for what is no queue of the template */
  queueUrlOf(arn: string): string {
    const logicalId = this.references.ownerOf(arn);
    if (logicalId === undefined || this.template.Resources[logicalId]?.Type !== 'AWS::SQS::Queue')
      throw new UnsupportedTemplateError([`${arn} is no queue of the template`]);
    return String(this.references.resolve({ Ref: logicalId }));
  }
}
