/** The template's HTTP APIs, each with the Lambdas of its routes. */
import { type AlsoServe, LocalHttpApi } from './http-api.ts';
import type { LambdaHost } from './lambda-host.ts';
import { UnsupportedTemplateError } from './template.ts';
import type { Wiring } from './wiring.ts';

interface Integration {
  readonly IntegrationType?: string;
  readonly IntegrationUri?: string;
  readonly PayloadFormatVersion?: string;
}

interface Route {
  readonly ApiId: string;
  readonly RouteKey: string;
  readonly Target: string;
}

/**
 * The template's HTTP APIs with the Lambda of each route.
 *
 * @param onAnswer told of each answer
 * @param alsoServe serves what is beside the routes of the first
 */
export const httpApisOf = (
  wiring: Wiring,
  onAnswer: (apiId: string, status: number) => void,
  alsoServe?: AlsoServe,
): { readonly logicalId: string; readonly server: LocalHttpApi }[] => {
  const integrations = new Map(
    wiring.each('AWS::ApiGatewayV2::Integration', (integrationId, integration: Integration) => {
      const { IntegrationType, IntegrationUri, PayloadFormatVersion } = integration;
      if (IntegrationType !== 'AWS_PROXY' || PayloadFormatVersion !== '2.0') {
        throw new UnsupportedTemplateError([`integration ${integrationId}: only AWS_PROXY with payload format 2.0`]);
      }
      return [`integrations/${integrationId}`, wiring.lambdaOf(IntegrationUri)] as [string, LambdaHost];
    }),
  );
  let isFirst = true;
  return wiring.each('AWS::ApiGatewayV2::Api', (logicalId, { ProtocolType }: Record<string, unknown>) => {
    if (ProtocolType !== 'HTTP') throw new UnsupportedTemplateError([`API ${logicalId}: only an HTTP API`]);
    const ownRoutes = wiring
      .each('AWS::ApiGatewayV2::Route', (routeId, { ApiId, RouteKey, Target }: Route) => {
        if (wiring.references.ownerOf(ApiId) !== logicalId) return undefined;
        const lambda = integrations.get(Target);
        if (lambda === undefined) throw new UnsupportedTemplateError([`target ${Target} of ${routeId}`]);
        return { routeKey: RouteKey, lambda };
      })
      .filter((route) => route !== undefined);
    const beside = isFirst ? alsoServe : undefined;
    isFirst = false;
    const server = new LocalHttpApi(ownRoutes, wiring.onProblem, (status) => onAnswer(logicalId, status), beside);
    return { logicalId, server };
  });
};
