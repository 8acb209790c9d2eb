/** What whoever attaches the construct to a table may say of it. */
import type { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type { ITable, Table, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { EventBus, IEventBus } from 'aws-cdk-lib/aws-events';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { TableDescription } from '../functions/table/shape.ts';
import type { TableKey } from './table-description.ts';

/** Which events are published, and where. */
export interface ExpiryEventOptions {
  /**
   * The bus that events are published on.
   * @default - a bus of its own
   */
  readonly bus?: IEventBus | EventBus;
  /**
   * Whether items whose status becomes CONFIRMED or CANCELLED are published too, beside those that expired.
   * @default false
   */
  readonly settled?: boolean;
  /** @internal For the bookings table of this service, which has slots: revivals are published. @default false */
  readonly revived?: boolean;
}

/** Where the alarms go. */
export interface ExpiryAlarmOptions {
  /**
   * The topic that the alarms go to. Its policy must let `cloudwatch.amazonaws.com` publish.
   * @default - a topic of its own
   */
  readonly topic?: ITopic;
  /**
   * Who gets the alarms by e-mail.
   * @default - nobody, until somebody subscribes to the topic
   */
  readonly email?: string;
}

/** Where webhooks are sent. */
export interface ExpiryWebhookOptions {
  /**
   * The address of the application that each event is posted to: an https URL, or an http URL on this machine.
   *
   * It is signed by the Standard Webhooks specification, with a secret that is made for it: `webhookSecret`.
   */
  readonly url: string;
}

/** Pollers of the timer queue that are there for it alone. */
export interface TimerPollerOptions {
  /**
   * How many stand ready at any time, 2 to 200. Each takes ten batches at once and polls ten times a second, and is paid for by
   * the hour.
   * @default 2
   */
  readonly min?: number;
  /**
   * How many there may be when many timers wait, 2 to 2,000 and no fewer than `min`.
   * @default 200
   */
  readonly max?: number;
}

/** How the items of a table expire. All but the table has a default, which is the bookings table of this project. */
export interface BookingExpiryProps {
  /**
   * The table whose items expire. It must have a stream of new and old images.
   *
   * A `Table` or `TableV2` of the same app, of another stack too, gets the index that the sweep looks in. CloudFormation makes
   * one new index of a table in one update: two that are new need two deployments. Of an imported table (`fromTableAttributes`,
   * with `tableStreamArn`) the index must be there already, and be named with `indexName`.
   */
  readonly table: ITable | Table | TableV2;

  /**
   * The key of the table. A name alone is a text attribute. Numbers are `{ name: 'id', type: 'N' }`, or CDK's own `Attribute`.
   * @default - the key of a table of the same app; for an imported one `{ partition: 'bookingId' }`
   */
  readonly key?: TableKey;

  /**
   * The attribute that says what state an item is in, the words of one that is held, and the word that a lapsed one gets.
   * @default { attribute: 'status', pending: 'PENDING', expired: 'EXPIRED' }
   */
  readonly status?: NonNullable<TableDescription['status']>;

  /**
   * The attribute with the deadline and its unit: `milliseconds` or `seconds` since 1970, or `iso8601` text in UTC.
   * @default { attribute: 'expiresAtMs', unit: 'milliseconds' }
   */
  readonly deadline?: NonNullable<TableDescription['deadline']>;

  /**
   * What else an expiry changes in the item.
   * @default - nothing
   */
  readonly onExpire?: NonNullable<TableDescription['onExpire']>;

  /**
   * Text attributes that an item must have, each with this value, to be looked at at all: for a table of many kinds of items.
   * @default - every item is looked at
   */
  readonly only?: NonNullable<TableDescription['only']>;

  /**
   * Other names for the attributes that are added to items.
   * @default - `pendingShard`, `expiresAtMs` (unless the deadline is in milliseconds), `holdStartedAtMs`, `expiredAtMs`, `expiredBy`
   */
  readonly attributes?: NonNullable<TableDescription['attributes']>;

  /**
   * Name of the index of held items: partition key `pendingShard` (N), sort key `expiresAtMs` (N), with `holdStartedAtMs`
   * projected, or whatever `attributes` calls them.
   *
   * A table of the same app gets it, unless its owner has made one of this name before. The owner of an imported table makes it,
   * and says so by naming it here.
   * @default 'pending-by-expiry'; required for an imported table
   */
  readonly indexName?: string;

  /**
   * Whether `BookingExpired` is published, and on which bus. It takes the second of the two readers that the table's stream may
   * have; `false` leaves that to the table's owner.
   * @default true
   */
  readonly events?: boolean | ExpiryEventOptions;

  /**
   * Whether each event is posted to an application too, signed, and tried again for a day where it is not taken.
   * @default - events are on the bus only
   */
  readonly webhook?: ExpiryWebhookOptions;

  /**
   * How long before a deadline `BookingExpiring` is published, 10 seconds to 3 hours: only of an item that is still held then,
   * with that deadline, and whose hold is at least twice as long.
   * @default - there are no such notices
   */
  readonly noticeBefore?: Duration;

  /**
   * Name of an attribute whose map events carry as `details`.
   * @default - events carry none of the item's own data but its key
   */
  readonly eventDetails?: string;

  /**
   * Whether there are alarms, and where they go.
   * @default true
   */
  readonly alarms?: boolean | ExpiryAlarmOptions;

  /**
   * Whether there is a dashboard, for 3 USD a month.
   * @default false
   */
  readonly dashboard?: boolean;

  /**
   * Key for the queues, the logs, the alarm topic and the sweep's own table. The policy of a key of the same app is extended for
   * the services that use it; the owner of an imported one must let CloudWatch, CloudWatch Logs and EventBridge use it.
   *
   * The table's own key needs no mention: it comes with the table, if it was given to `fromTableAttributes` too.
   * @default - keys that AWS owns
   */
  readonly encryptionKey?: IKey;

  /**
   * How long before its deadline a timer should arrive, 0 to 10 seconds. A longer lead hides longer cold starts, and is paid for
   * by waiting.
   * @default Duration.seconds(1)
   */
  readonly timerLead?: Duration;

  /**
   * How late an item may be marked in order to be written together with others, 0 to 1,000 ms: deadlines this close together are
   * written in one request, at the last of them.
   * @default Duration.millis(5)
   */
  readonly sameMoment?: Duration;

  /**
   * Time between two sweeps, whole minutes from 1 to 180.
   * @default Duration.minutes(5)
   */
  readonly sweepInterval?: Duration;

  /**
   * Shards of the index that held items wait in, 1 to 200: about 1,000 writes a second each. May change between deployments.
   * @default 10
   */
  readonly shardCount?: number;

  /**
   * Pollers that Lambda keeps ready for the timer queue (provisioned mode), for sales whose holds lapse within seconds.
   * @default - none: Lambda polls as it sees fit, five batches at once at first and 300 more each minute
   */
  readonly timerPollers?: TimerPollerOptions;

  /**
   * What happens to the sweep's own table when the construct is removed. What is lost with it is how far the last sweep came;
   * the next one starts over. A table that is kept is protected against deletion too.
   * @default RemovalPolicy.DESTROY
   */
  readonly removalPolicy?: RemovalPolicy;

  /**
   * Service name in logs and metrics, and what begins the name of each alarm: 1 to 90 letters, digits, hyphens and underscores,
   * used by nothing else in the account and region.
   * @default - made from the construct's path
   */
  readonly serviceName?: string;
}
