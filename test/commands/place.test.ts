import { DescribeTableCommand, DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { afterEach, describe, expect, test } from 'vitest';
import { placeText, watchPlace } from '../../commands/place.ts';
import { LOCAL_CREDENTIALS } from '../../local/engines.ts';

/** Requests that would leave this machine end here. */
const goesNowhere = { handle: () => Promise.reject(new Error('no network')) } as never;

const placeOf = async (config: DynamoDBClientConfig) => {
  const client = new DynamoDBClient({
    maxAttempts: 1,
    credentials: LOCAL_CREDENTIALS,
    requestHandler: goesNowhere,
    ...config,
  });
  const readPlace = watchPlace(client, 'bookings');
  await client.send(new DescribeTableCommand({ TableName: 'bookings' })).catch(() => {});
  return readPlace();
};

afterEach(() => {
  delete process.env.AWS_ENDPOINT_URL_DYNAMODB;
});

describe('the table that a command works on', () => {
  test.each(['eu-central-1', 'us-gov-west-1', 'cn-north-1'])('is said to be in region %s', async (region) => {
    const place = await placeOf({ region });
    expect(place).toEqual({ table: 'bookings', region });
    expect(placeText(place)).toBe(`table bookings in region ${region}`);
  });

  test('is said to be at an endpoint that an option gives', async () => {
    const place = await placeOf({ region: 'eu-central-1', endpoint: 'http://127.0.0.1:8000' });
    expect(place).toEqual({ table: 'bookings', endpoint: 'http://127.0.0.1:8000' });
    expect(placeText(place)).toBe('table bookings at http://127.0.0.1:8000');
  });

  test('is said to be at an endpoint that only a variable gives', async () => {
    process.env.AWS_ENDPOINT_URL_DYNAMODB = 'http://localhost:4566';
    expect(await placeOf({ region: 'eu-central-1' })).toEqual({ table: 'bookings', endpoint: 'http://localhost:4566' });
  });

  test('is only named if nobody was asked yet', async () => {
    const client = new DynamoDBClient({ region: 'eu-central-1', requestHandler: goesNowhere });
    expect(placeText(await watchPlace(client, 'bookings')())).toBe('table bookings');
  });
});
