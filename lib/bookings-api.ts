import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import {
  CorsHttpMethod,
  HttpApi,
  HttpMethod,
  HttpStage,
  type IHttpRouteAuthorizer,
  LogGroupLogDestination,
} from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpIamAuthorizer, HttpJwtAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { ENV } from '../functions/contract.ts';
import type { BookingTable } from './booking-table.ts';
import { acceptFinding, keepLogicalId } from './names.ts';
import { NodeFunction, type NodeFunctionProps } from './node-function.ts';
import type { BookingExpirySettings } from './settings.ts';
import type { TimerQueue } from './timer-queue.ts';

export interface BookingsApiProps extends Pick<NodeFunctionProps, 'environment' | 'serviceName' | 'key'> {
  readonly bookings: BookingTable;
  readonly timers: TimerQueue;
  readonly settings: BookingExpirySettings;
}

/** Requests a second that the stage lets through, and how many at once: what one shard of the table takes, and a burst. */
const THROTTLE = { rateLimit: 1_000, burstLimit: 500 };

/**
 * The HTTP API and its one Lambda. Bookings need a signed request (IAM) or a JWT; the cron webhook has a bearer token of
 * its own, because schedulers elsewhere can neither sign nor log in; health and the document are open.
 */
export class BookingsApi extends Construct {
  readonly lambda: IFunction;
  readonly url: string;
  /** Made by the stack, read by the Lambda when it is used: rotated without a deployment. */
  readonly cronTokenSecretArn: string;

  constructor(
    scope: Construct,
    id: string,
    { bookings, timers, settings, environment, serviceName, key }: BookingsApiProps,
  ) {
    super(scope, id);
    const cronToken = new Secret(this, 'CronToken', {
      description: 'Bearer token of the cron webhook',
      ...(key && { encryptionKey: key }),
      generateSecretString: { passwordLength: 48, excludePunctuation: true },
      removalPolicy: RemovalPolicy.DESTROY,
    });
    keepLogicalId(cronToken, 'CronTokenSecret');
    acceptFinding(
      cronToken,
      'AwsSolutions-SMG4',
      'the schedulers that hold the token are elsewhere: whoever rotates it tells them, docs/schedulers.md says how',
    );
    this.cronTokenSecretArn = cronToken.secretArn;

    const lambda = new NodeFunction(this, 'BookingsApiFunction', {
      entry: 'bookings-api',
      // API Gateway gives up after 30 seconds (Amazon API Gateway Developer Guide, HTTP API quotas).
      timeout: Duration.seconds(29),
      memorySize: 512,
      environment: { ...environment, [ENV.cronTokenSecret]: cronToken.secretArn },
      serviceName,
      key,
    });
    this.lambda = lambda;
    bookings.grantApi(lambda);
    timers.grantSend(lambda);
    cronToken.grantRead(lambda);

    const api = new HttpApi(this, 'HttpApi', {
      apiName: serviceName,
      createDefaultStage: false,
      ...(settings.corsOrigins && {
        corsPreflight: {
          allowOrigins: [...settings.corsOrigins],
          allowMethods: [CorsHttpMethod.GET, CorsHttpMethod.POST],
          allowHeaders: ['authorization', 'content-type', 'idempotency-key', 'x-amz-date', 'x-amz-security-token'],
          exposeHeaders: ['location'],
          maxAge: Duration.hours(1),
        },
      }),
    });
    keepLogicalId(api, 'HttpApi');
    const accessLogs = new LogGroup(this, 'AccessLogs', {
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    new HttpStage(this, 'Stage', {
      httpApi: api,
      stageName: '$default',
      autoDeploy: true,
      throttle: THROTTLE,
      accessLogSettings: { destination: new LogGroupLogDestination(accessLogs) },
    });
    this.url = api.apiEndpoint;

    const integration = new HttpLambdaIntegration('Integration', lambda);
    const authorizer = authorizerOf(settings);
    const add = (path: string, methods: HttpMethod[], by?: IHttpRouteAuthorizer, open?: string): void => {
      const routes = api.addRoutes({ path, methods, integration, ...(by && { authorizer: by }) });
      if (open) for (const route of routes) acceptFinding(route, 'AwsSolutions-APIG4', open);
    };
    // ANY, so that a wrong method gets the API's own answer.
    add('/api/v1/bookings', [HttpMethod.ANY], authorizer);
    add('/api/v1/bookings/{proxy+}', [HttpMethod.ANY], authorizer);
    const tokenOfItsOwn = 'the Lambda checks a bearer token: schedulers elsewhere can neither sign nor log in';
    add('/api/v1/cron/expire-bookings', [HttpMethod.ANY], undefined, tokenOfItsOwn);
    add('/api/v1/health', [HttpMethod.ANY], undefined, 'it tells that the API answers, and the time');
    add('/api/v1/openapi.json', [HttpMethod.ANY], undefined, 'the document is public');
  }
}

const authorizerOf = ({ jwtIssuer, jwtAudience }: BookingExpirySettings): IHttpRouteAuthorizer =>
  jwtIssuer !== undefined && jwtAudience !== undefined
    ? new HttpJwtAuthorizer('Jwt', jwtIssuer, { jwtAudience: [...jwtAudience] })
    : new HttpIamAuthorizer();
