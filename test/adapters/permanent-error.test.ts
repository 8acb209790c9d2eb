import { describe, expect, test } from 'vitest';
import { isPermanent } from '../../functions/adapters/permanent-error.ts';

describe('an error', () => {
  const named = (name: string) => Object.assign(new Error('refused'), { name, $metadata: {} });

  test.each([
    'ValidationException',
    'ValidationError',
    'ItemCollectionSizeLimitExceededException',
    'InvalidMessageContents',
    'AWS.SimpleQueueService.InvalidMessageContents',
    'InvalidParameterValue',
    'MalformedDetail',
    'InvalidArgument',
  ])('named %s is permanent: the same item meets it again', (name) => {
    expect(isPermanent(named(name))).toBe(true);
  });

  test.each([
    'ProvisionedThroughputExceededException',
    'ThrottlingException',
    'RequestLimitExceeded',
    'InternalServerError',
    'ServiceUnavailable',
    'TimeoutError',
    'TransactionConflictException',
    'ResourceNotFoundException',
    'AccessDeniedException',
    'KmsThrottled',
    'QueueDoesNotExist',
    'UnrecognizedClientException',
    'SomethingNew',
  ])('named %s may go away', (name) => {
    expect(isPermanent(named(name))).toBe(false);
  });

  test('that our own code trips over is permanent; one about an answer or a connection is not', () => {
    expect(isPermanent(new TypeError('x is not a function'))).toBe(true);
    expect(isPermanent(new RangeError('Invalid time value'))).toBe(true);
    expect(isPermanent(Object.assign(new TypeError('not JSON'), { $response: {} }))).toBe(false);
    expect(isPermanent(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }))).toBe(false);
    expect(isPermanent('a text')).toBe(false);
  });
});
