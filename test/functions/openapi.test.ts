/** The document that describes the HTTP API. */
import { describe, expect, test } from 'vitest';
import { deploymentAt, openApiDocument } from '../../functions/api/openapi.ts';
import { ROUTES } from '../../functions/api/routes.ts';
import { useBookingsApi } from '../support/bookings-api.ts';

const { call, nowMs } = useBookingsApi();

describe('the document', () => {
  const documentOf = async () => (await call('GET', '/openapi.json')).body;
  const methodsOf = (path: object) => Object.values(path) as { operationId: string; responses: object }[];

  test('describes every route, and its schemas come from the validation', async () => {
    const { openapi, paths, components } = await documentOf();
    expect(openapi).toBe('3.1.0');
    const operations = Object.values(paths as object).flatMap(methodsOf);
    expect(operations.map(({ operationId }) => operationId).sort()).toEqual(Object.keys(ROUTES).sort());
    const { CreateBooking, CreateBookingForSeconds, CreateBookingUntilTime, BookingPage } = components.schemas;
    expect(CreateBooking.oneOf).toHaveLength(2);
    expect(CreateBookingForSeconds).toMatchObject({
      type: 'object',
      required: ['holdSeconds'],
      additionalProperties: false,
      properties: {
        holdSeconds: { type: 'integer', minimum: 1, maximum: 31_622_400 },
        details: { type: 'object', additionalProperties: true },
      },
    });
    expect(CreateBookingForSeconds.properties).not.toHaveProperty('expiresAt');
    expect(CreateBookingUntilTime.properties.expiresAt).toMatchObject({ type: 'string', format: 'date-time' });
    expect(BookingPage.properties.bookings.items).toEqual({ $ref: '#/components/schemas/Booking' });
    expect((await call('GET', '/health')).body).toEqual({ status: 'ok', time: new Date(nowMs()).toISOString() });
  });

  test('has what each reference in it names, and names each shared part', async () => {
    const document = await documentOf();
    const text = JSON.stringify(document);
    const named = new Set(
      [...text.matchAll(/"#\/components\/(\w+)\/(\w+)"/g)].map(([, kind, name]) => `${kind} ${name}`),
    );
    const { securitySchemes: _, ...kinds } = document.components;
    const there = Object.entries(kinds).flatMap(([kind, parts]) =>
      Object.keys(parts as object).map((name) => `${kind} ${name}`),
    );
    expect([...named].sort()).toEqual(there.sort());
  });

  test.each([
    [{ kind: 'iam' }, [{ sigv4: [] }]],
    [{ kind: 'jwt', issuer: 'https://login', scope: 'bookings/manage' }, [{ jwt: [] }]],
    [{ kind: 'none' }, []],
  ] as const)('says what a deployment asks of callers: %j', (authorization, security) => {
    const document = openApiDocument({ serverUrl: 'https://api', authorization });
    expect(document.security).toEqual(security);
    for (const [scheme] of security.flatMap((each) => Object.entries(each))) {
      expect(document.components.securitySchemes).toHaveProperty(scheme);
    }
    expect(document.servers).toMatchObject([{ url: 'https://api' }]);
    const { expireBookings, health } = Object.fromEntries(
      Object.values(document.paths)
        .flatMap(methodsOf)
        .map((each) => [each.operationId, each as { security?: unknown }]),
    );
    expect([expireBookings?.security, health?.security]).toEqual([[{ cronToken: [] }], []]);
  });

  test.each([
    ['https://127.0.0.1:3000', '127.0.0.1', 'http://127.0.0.1:3000', 'none'],
    ['https://[::1]:3000', '[::1]', 'http://[::1]:3000', 'none'],
    [
      'https://abc.execute-api.eu-central-1.amazonaws.com',
      'abc.execute-api.eu-central-1.amazonaws.com',
      undefined,
      'iam',
    ],
    ['https://127.0.0.1.example.com', '127.0.0.1.example.com', undefined, 'iam'],
  ])('of %s names it, and no gateway on loopback', (origin, hostname, url, kind) => {
    expect(deploymentAt(origin, hostname, { kind: 'iam' })).toEqual({
      serverUrl: url ?? origin,
      authorization: { kind },
    });
  });

  test('lists every status that the API and its gateway answer a move with', async () => {
    const { paths } = await documentOf();
    const { extend, confirm } = {
      extend: paths['/api/v1/bookings/{bookingId}/extend'].post,
      confirm: paths['/api/v1/bookings/{bookingId}/confirm'].post,
    };
    const statuses = ['200', '400', '401', '403', '404', '405', '409', '413', '415', '422', '429', '500', '503'];
    expect(Object.keys(confirm.responses).sort()).toEqual(statuses);
    expect(Object.keys(extend.responses).sort()).toEqual([...statuses, '412'].sort());
  });
});
