import { Match, type Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { BOOKINGS_PATH, routes, SLOTS_PATH } from '../../functions/api/routes.ts';
import { checkSupport } from '../../local/support.ts';
import type { Template as LocalTemplate } from '../../local/template.ts';
import { grantsOf, synth } from '../support/stack.ts';

const template = synth();

describe('the HTTP API', () => {
  const routesOf = (from: Template) =>
    Object.fromEntries(
      Object.values(from.findResources('AWS::ApiGatewayV2::Route')).map(({ Properties }) => [
        Properties.RouteKey,
        Properties.AuthorizationType,
      ]),
    );

  test('takes signed requests for bookings; the webhook has its own token, health and document are open', () => {
    expect(routesOf(template)).toEqual({
      'ANY /api/v1/bookings': 'AWS_IAM',
      'ANY /api/v1/bookings/{proxy+}': 'AWS_IAM',
      'ANY /api/v1/slots/{proxy+}': 'AWS_IAM',
      'ANY /api/v1/cron/expire-bookings': 'NONE',
      'ANY /api/v1/health': 'NONE',
      'ANY /api/v1/openapi.json': 'NONE',
    });
  });

  test.each(routes())('lets %s through, with an identity unless it is open', (_, { path, openBecause }) => {
    const above = [BOOKINGS_PATH, SLOTS_PATH].find((each) => path.startsWith(`${each}/`));
    const key = openBecause === undefined && above !== undefined ? `ANY ${above}/{proxy+}` : `ANY ${path}`;
    expect(path === BOOKINGS_PATH || openBecause !== undefined || above !== undefined).toBe(true);
    expect(routesOf(template)).toMatchObject({ [key]: openBecause === undefined ? 'AWS_IAM' : 'NONE' });
  });

  test('serves the page where it is wanted, with the same authorization as the bookings, and one variable more', () => {
    expect(routesOf(synth({ page: true }))).toMatchObject({ 'ANY /page': 'AWS_IAM', 'ANY /page/{proxy+}': 'AWS_IAM' });
    const jwt = { jwtIssuer: 'https://login.example.com/', jwtAudience: 'web', jwtScope: 'bookings/manage' };
    const withJwt = synth({ page: true, ...jwt });
    for (const key of ['ANY /page', 'ANY /page/{proxy+}'])
      withJwt.hasResourceProperties('AWS::ApiGatewayV2::Route', {
        RouteKey: key,
        AuthorizationType: 'JWT',
        AuthorizationScopes: ['bookings/manage'],
      });
    const variables = (from: Template) =>
      from.toJSON().Resources.BookingsApiFunction.Properties.Environment.Variables as Record<string, unknown>;
    expect(variables(synth({ page: true })).PAGE).toBe('true');
    expect(variables(template).PAGE).toBeUndefined();
    expect(grantsOf(synth({ page: true }), 'BookingsApiFunction')).toEqual(grantsOf(template, 'BookingsApiFunction'));
  });

  test('takes JWTs with a scope when an issuer, an audience and that scope are given', () => {
    const withJwt = synth({
      jwtIssuer: 'https://login.example.com/',
      jwtAudience: 'web,app',
      jwtScope: 'bookings/manage',
    });
    expect(routesOf(withJwt)).toMatchObject({ 'ANY /api/v1/bookings': 'JWT', 'ANY /api/v1/health': 'NONE' });
    withJwt.hasResourceProperties('AWS::ApiGatewayV2::Authorizer', {
      AuthorizerType: 'JWT',
      JwtConfiguration: { Issuer: 'https://login.example.com/', Audience: ['web', 'app'] },
    });
    const scopes = Object.values(withJwt.findResources('AWS::ApiGatewayV2::Route')).map(({ Properties }) => [
      Properties.AuthorizationType,
      Properties.AuthorizationScopes,
    ]);
    // No token without it reaches a booking.
    expect(scopes.filter(([type]) => type === 'JWT')).toEqual([
      ['JWT', ['bookings/manage']],
      ['JWT', ['bookings/manage']],
      ['JWT', ['bookings/manage']],
    ]);
    expect(scopes.filter(([type]) => type !== 'JWT').every(([, scope]) => scope === undefined)).toBe(true);
    expect(() => checkSupport(withJwt.toJSON() as LocalTemplate)).not.toThrow();
  });

  test('is throttled, its open routes far more, and lets no browser in', () => {
    const few = { ThrottlingRateLimit: 5, ThrottlingBurstLimit: 10 };
    template.hasResource('AWS::ApiGatewayV2::Stage', {
      Properties: {
        DefaultRouteSettings: { ThrottlingRateLimit: 1_000, ThrottlingBurstLimit: 500 },
        RouteSettings: {
          'ANY /api/v1/cron/expire-bookings': few,
          'ANY /api/v1/health': few,
          'ANY /api/v1/openapi.json': few,
        },
      },
      // API Gateway refuses the settings of a route that is not there yet.
      DependsOn: Match.arrayWith([
        Match.stringLikeRegexp('cronexpirebookings'),
        Match.stringLikeRegexp('health'),
        Match.stringLikeRegexp('openapijson'),
      ]),
    });
    template.hasResourceProperties('AWS::ApiGatewayV2::Api', { CorsConfiguration: Match.absent() });
  });

  test('logs each request with its path and what the integration said, where no policy can run full', () => {
    const stage = Object.values(template.findResources('AWS::ApiGatewayV2::Stage'))[0]?.Properties;
    const format = JSON.parse(stage.AccessLogSettings.Format);
    expect(format).toMatchObject({
      path: '$context.path',
      route: '$context.routeKey',
      status: '$context.status',
      latencyMs: '$context.responseLatency',
      integrationError: '$context.integrationErrorMessage',
    });
    const [logGroupId] = stage.AccessLogSettings.DestinationArn['Fn::GetAtt'];
    const { LogGroupName } = template.toJSON().Resources[logGroupId].Properties;
    expect(LogGroupName).toBe('/aws/vendedlogs/booking-expiry-dev/http-api');
  });
});
