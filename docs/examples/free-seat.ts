/** The wiring of the consumer beside it: a rule on the bus feeds a queue, which feeds the Lambda that frees the seat. */
import { fileURLToPath } from 'node:url';
import { Duration } from 'aws-cdk-lib';
import { AttributeType, BillingMode, Table } from 'aws-cdk-lib/aws-dynamodb';
import { EventBus, Rule } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { Runtime } from 'aws-cdk-lib/aws-lambda';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';

export interface FreeSeatProps {
  /** Output EventBusName of the booking-expiry stack. */
  readonly eventBusName: string;
}

export class FreeSeat extends Construct {
  constructor(scope: Construct, id: string, { eventBusName }: FreeSeatProps) {
    super(scope, id);
    const seats = new Table(this, 'Seats', {
      partitionKey: { name: 'seat', type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
    });
    const timeout = Duration.seconds(10);
    // A queue between the bus and the Lambda: events wait there while the Lambda is being mended.
    const expired = new Queue(this, 'Expired', {
      visibilityTimeout: Duration.seconds(6 * timeout.toSeconds()),
      enforceSSL: true,
      deadLetterQueue: {
        queue: new Queue(this, 'Dead', { enforceSSL: true, retentionPeriod: Duration.days(14) }),
        maxReceiveCount: 5,
      },
    });
    new Rule(this, 'OnBookingExpired', {
      eventBus: EventBus.fromEventBusName(this, 'Bus', eventBusName),
      eventPattern: { source: ['booking-expiry'], detailType: ['BookingExpired'] },
      targets: [new SqsQueue(expired)],
    });
    const freeSeat = new NodejsFunction(this, 'Function', {
      entry: fileURLToPath(new URL('./free-seat.lambda.ts', import.meta.url)),
      runtime: Runtime.NODEJS_24_X,
      timeout,
      environment: { SEATS_TABLE: seats.tableName },
    });
    seats.grantWriteData(freeSeat);
    freeSeat.addEventSource(new SqsEventSource(expired, { reportBatchItemFailures: true }));
  }
}
