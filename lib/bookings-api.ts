import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import {
  type CfnRoute,
  type CfnStage,
  HttpApi,
  HttpMethod,
  HttpStage,
  type IHttpRouteAuthorizer,
  LogGroupLogDestination,
} from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpIamAuthorizer, HttpJwtAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { type Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { BOOKINGS_PATH, PAGE_PATH, routes, SLOTS_PATH } from '../functions/api/routes.ts';
import { ENV } from '../functions/contract.ts';
import type { BookingExpiry } from './booking-expiry.ts';
import { acceptFinding } from './findings.ts';
import { allow } from './grants.ts';
import { IdempotencyTable } from './idempotency-table.ts';
import { NodeFunction, type NodeFunctionProps } from './node-function.ts';
import type { BookingExpirySettings } from './settings.ts';
import type { SlotsTable } from './slots-table.ts';

export interface BookingsApiProps extends Pick<NodeFunctionProps, 'serviceName' | 'key'> {
  readonly bookings: Table;
  readonly slots: SlotsTable;
  readonly expiry: BookingExpiry;
  readonly settings: BookingExpirySettings;
}

/** Paths without an authorizer, each with its reason. */
const OPEN_PATHS = routes().flatMap(([, { path, openBecause }]) =>
  openBecause === undefined ? [] : [[path, openBecause] as const],
);

/** What an access log line holds (Amazon API Gateway Developer Guide, HTTP API logging variables). */
const ACCESS_LOG_FORMAT = AccessLogFormat.custom(
  JSON.stringify({
    requestId: '$context.requestId',
    time: '$context.requestTime',
    ip: '$context.identity.sourceIp',
    caller: '$context.identity.userArn',
    method: '$context.httpMethod',
    path: '$context.path',
    route: '$context.routeKey',
    status: '$context.status',
    responseBytes: '$context.responseLength',
    latencyMs: '$context.responseLatency',
    integrationStatus: '$context.integrationStatus',
    integrationLatencyMs: '$context.integrationLatency',
    integrationError: '$context.integrationErrorMessage',
    error: '$context.error.message',
    authorizerError: '$context.authorizer.error',
  }),
);

/** Requests a second that the stage lets through, and how many at once: what one shard of the table takes, and a burst. */
const THROTTLE = { rateLimit: 1_000, burstLimit: 500 };

/**
 * The HTTP API and its one Lambda. Bookings need a signed request (IAM) or a JWT; the cron webhook has a bearer token of
 * its own, because schedulers elsewhere can neither sign nor log in; health and the document are open.
 */
export class BookingsApi extends Construct {
  readonly lambda: IFunction;
  readonly url: string;
  readonly api: HttpApi;
  /** Made by the stack, read by the Lambda when it is used: rotated without a deployment. */
  readonly cronToken: Secret;
  /** Answers to requests with an idempotency key. */
  readonly idempotencyTable: Table;
  /** Requests that were answered with 500 or more: the Lambda itself counts no error for them. */
  readonly serverErrors: Metric;

  constructor(scope: Construct, id: string, { bookings, slots, expiry, settings, serviceName, key }: BookingsApiProps) {
    super(scope, id);
    const cronToken = new Secret(this, 'CronToken', {
      description: 'Bearer token of the cron webhook',
      ...(key && { encryptionKey: key }),
      generateSecretString: { passwordLength: 48, excludePunctuation: true },
      removalPolicy: RemovalPolicy.DESTROY,
    });
    acceptFinding(
      cronToken,
      'AwsSolutions-SMG4',
      'the schedulers that hold the token are elsewhere: whoever rotates it passes it on to them, docs/schedulers.md says how',
    );
    this.cronToken = cronToken;

    const idempotency = new IdempotencyTable(this, 'Idempotency', { key });
    this.idempotencyTable = idempotency.table;
    const lambda = new NodeFunction(this, 'BookingsApiFunction', {
      entry: 'bookings-api',
      // API Gateway gives up after 30 seconds (Amazon API Gateway Developer Guide, HTTP API quotas).
      timeout: Duration.seconds(29),
      memorySize: 512,
      environment: {
        ...expiry.sweepEnvironment,
        ...idempotency.environment,
        ...slots.environment,
        ...(settings.maxHoldSeconds !== undefined && { [ENV.maxHoldSeconds]: String(settings.maxHoldSeconds) }),
        [ENV.cronTokenSecret]: cronToken.secretArn,
        ...(settings.page && { [ENV.page]: 'true' }),
        ...(settings.jwtIssuer !== undefined && { [ENV.jwtIssuer]: settings.jwtIssuer }),
        ...(settings.jwtScope !== undefined && { [ENV.jwtScope]: settings.jwtScope }),
      },
      serviceName,
      key,
    });
    this.lambda = lambda;
    expiry.grantSweep(lambda);
    allow(lambda, bookings.tableArn, 'dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:DeleteItem');
    idempotency.grantKeep(lambda);
    slots.grantMove(lambda);
    expiry.grantSchedule(lambda);
    allow(lambda, cronToken.secretArn, 'secretsmanager:GetSecretValue');

    const api = new HttpApi(this, 'HttpApi', {
      apiName: serviceName,
      createDefaultStage: false,
    });
    this.api = api;
    const accessLogs = new LogGroup(this, 'AccessLogs', {
      // Below this prefix API Gateway needs no policy of its own for each group; the one policy that all others share has 5,120
      // characters (Amazon CloudWatch Logs User Guide, vended logs).
      logGroupName: `/aws/vendedlogs/${serviceName}/http-api`,
      ...(key && { encryptionKey: key }),
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const stage = new HttpStage(this, 'Stage', {
      httpApi: api,
      stageName: '$default',
      autoDeploy: true,
      throttle: THROTTLE,
      accessLogSettings: { destination: new LogGroupLogDestination(accessLogs), format: ACCESS_LOG_FORMAT },
    });
    this.url = api.apiEndpoint;

    const integration = new HttpLambdaIntegration('Integration', lambda);
    const authorizer = authorizerOf(settings);
    // ANY, so that a wrong method gets the API's own answer. Browsers are not served: nobody has to answer a preflight.
    const methods = [HttpMethod.ANY];
    const guarded = [BOOKINGS_PATH, ...(settings.page ? [PAGE_PATH] : [])].flatMap(withAllBelow);
    for (const path of [...guarded, `${SLOTS_PATH}/{proxy+}`]) {
      api.addRoutes({
        path,
        methods,
        integration,
        authorizer,
        // Without a scope, every token of the issuer would do, a customer's too.
        ...(settings.jwtScope !== undefined && { authorizationScopes: [settings.jwtScope] }),
      });
    }
    const open = OPEN_PATHS.flatMap(([path, reason]) => {
      const routes = api.addRoutes({ path, methods, integration });
      for (const route of routes) acceptFinding(route, 'AwsSolutions-APIG4', reason);
      return routes;
    });
    // Whoever calls these is nobody that we know: they get a few executions of the account's, and never those that expire.
    const cfnStage = stage.node.defaultChild as CfnStage;
    cfnStage.routeSettings = Object.fromEntries(
      OPEN_PATHS.map(([path]) => [`ANY ${path}`, { ThrottlingRateLimit: 5, ThrottlingBurstLimit: 10 }]),
    );
    // API Gateway refuses settings of routes that it does not know yet.
    for (const route of open) cfnStage.addResourceDependency(route.node.defaultChild as CfnRoute);
    this.serverErrors = api.metricServerError({ statistic: Stats.SUM, period: Duration.minutes(5) });
  }
}

const withAllBelow = (path: string): string[] => [path, `${path}/{proxy+}`];

const authorizerOf = ({ jwtIssuer, jwtAudience }: BookingExpirySettings): IHttpRouteAuthorizer =>
  jwtIssuer !== undefined && jwtAudience !== undefined
    ? new HttpJwtAuthorizer('Jwt', jwtIssuer, { jwtAudience: [...jwtAudience] })
    : new HttpIamAuthorizer();
