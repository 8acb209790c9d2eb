/** Policies read and decided upon as AWS does within one account. What is not known is refused before anything runs. */
import { describe, expect, test } from 'vitest';
import {
  type AccessRequest,
  decide,
  type PolicyKind,
  parsePolicy,
  UnknownPolicyError,
} from '../../local/permissions/policy.ts';

const TABLE = 'arn:aws:dynamodb:us-east-1:000000000000:table/bookings';
const QUEUE = 'arn:aws:sqs:us-east-1:000000000000:timers';
const ROLE = 'arn:aws:iam::000000000000:role/expire-booking';

const statement = (given: object) => ({ Effect: 'Allow', Action: 'sqs:SendMessage', Resource: QUEUE, ...given });
const parse = (given: unknown, kind: PolicyKind = 'identity') =>
  parsePolicy({ Version: '2012-10-17', Statement: given }, 'Policy', kind);
const request = (given: Partial<AccessRequest> = {}): AccessRequest => ({
  principal: { kind: 'role', arn: ROLE },
  action: 'sqs:SendMessage',
  resource: QUEUE,
  context: { 'aws:securetransport': 'true' },
  ...given,
});
const decision = (statements: unknown, given: Partial<AccessRequest> = {}): string =>
  decide(request(given), parse(statements)).kind;

describe('what is allowed', () => {
  test.each([
    ['sqs:SendMessage', QUEUE, 'allowed'],
    ['SQS:sendmessage', QUEUE, 'allowed'],
    ['sqs:Send*', QUEUE, 'allowed'],
    ['sqs:?endMessage', QUEUE, 'allowed'],
    ['sqs:*', QUEUE, 'allowed'],
    ['*', '*', 'allowed'],
    ['sqs:SendMessage', '*', 'allowed'],
    ['sqs:SendMessage', 'arn:aws:sqs:*:*:timers', 'allowed'],
    ['sqs:SendMessage', 'arn:aws:sqs:us-east-1:000000000000:tim*', 'allowed'],
    ['sqs:SendMessage', 'arn:aws:sqs:us-east-1:000000000000:timer?', 'allowed'],
    ['sqs:SendMessageBatch', QUEUE, 'not allowed'],
    ['sqs:Send', QUEUE, 'not allowed'],
    ['sqs:SendMessage', `${QUEUE}x`, 'not allowed'],
    ['sqs:SendMessage', 'arn:aws:sqs:us-east-1:000000000000:TIMERS', 'not allowed'],
    ['sqs:SendMessage', 'arn:aws:sqs:us-east-1:000000000000:time?', 'not allowed'],
    ['sns:*', '*', 'not allowed'],
  ])('%s on %s: %s', (Action, Resource, expected) => {
    expect(decision([statement({ Action, Resource })])).toBe(expected);
  });

  test('a table is not its index, and a wildcard after it is', () => {
    const asked = { action: 'dynamodb:Query', resource: `${TABLE}/index/pending-by-expiry` };
    const onResource = (Resource: string) => decision(statement({ Action: 'dynamodb:Query', Resource }), asked);
    expect(onResource(TABLE)).toBe('not allowed');
    expect(onResource(`${TABLE}/index/other`)).toBe('not allowed');
    expect(onResource(`${TABLE}/index/*`)).toBe('allowed');
    expect(onResource(`${TABLE}/index/pending-by-expiry`)).toBe('allowed');
  });

  test('any of several statements, actions and resources is enough; without one the answer is no', () => {
    expect(decision([statement({ Action: ['sqs:ReceiveMessage', 'sqs:SendMessage'], Resource: [TABLE, QUEUE] })])).toBe(
      'allowed',
    );
    expect(decision([statement({ Resource: TABLE }), statement({})])).toBe('allowed');
    expect(decision([statement({ Resource: TABLE })])).toBe('not allowed');
  });

  test('a Deny wins over every Allow, before and after it', () => {
    const deny = statement({ Effect: 'Deny', Action: 'sqs:*', Resource: '*' });
    expect(decision([deny, statement({})])).toBe('denied');
    expect(decision([statement({}), deny])).toBe('denied');
  });
});

describe('conditions', () => {
  const decidedBy = (Condition: object, context: Record<string, string>) =>
    decision(statement({ Condition }), { context });
  const alarm = 'arn:aws:cloudwatch:us-east-1:000000000000:alarm:booking-expiry-dev/late';

  test.each([
    [{ StringEquals: { 'aws:SourceAccount': '000000000000' } }, { 'aws:sourceaccount': '000000000000' }, 'allowed'],
    [{ StringEquals: { 'aws:SourceAccount': '111111111111' } }, { 'aws:sourceaccount': '000000000000' }, 'not allowed'],
    [{ StringEquals: { 'AWS:SourceAccount': ['1', '2'] } }, { 'aws:sourceaccount': '2' }, 'allowed'],
    [{ StringLike: { 'aws:SourceArn': '*/late' } }, { 'aws:sourcearn': alarm }, 'allowed'],
    [{ ArnLike: { 'aws:SourceArn': alarm.replace('late', '*') } }, { 'aws:sourcearn': alarm }, 'allowed'],
    [{ ArnLike: { 'aws:SourceArn': alarm.replace('dev', 'prod') } }, { 'aws:sourcearn': alarm }, 'not allowed'],
    [{ ArnLike: { 'aws:SourceArn': 'arn:*' } }, { 'aws:sourcearn': alarm }, 'not allowed'],
    [{ Bool: { 'aws:SecureTransport': false } }, { 'aws:securetransport': 'true' }, 'not allowed'],
    [{ Bool: { 'aws:SecureTransport': 'true' } }, { 'aws:securetransport': 'true' }, 'allowed'],
  ])('%j of %j: %s', (condition, context, expected) => {
    expect(decidedBy(condition, context as unknown as Record<string, string>)).toBe(expected);
  });

  test('a key that the request does not have fulfils none', () => {
    expect(decidedBy({ StringLike: { 'aws:SourceArn': '*' } }, {})).toBe('not allowed');
  });

  test('all of several must hold', () => {
    const both = { StringEquals: { 'aws:SourceAccount': '1' }, ArnLike: { 'aws:SourceArn': alarm } };
    expect(decidedBy(both, { 'aws:sourceaccount': '1', 'aws:sourcearn': alarm })).toBe('allowed');
    expect(decidedBy(both, { 'aws:sourceaccount': '2', 'aws:sourcearn': alarm })).toBe('not allowed');
  });
});

describe('the policy of a resource', () => {
  const ofQueue = (Principal: unknown, principal: AccessRequest['principal']) =>
    decide(request({ principal }), parse(statement({ Principal }), 'resource')).kind;

  test('lets in whom it names, and nobody else', () => {
    const events = { kind: 'service', name: 'events.amazonaws.com' } as const;
    const role = { kind: 'role', arn: ROLE } as const;
    expect(ofQueue({ Service: 'events.amazonaws.com' }, events)).toBe('allowed');
    expect(ofQueue({ Service: 'scheduler.amazonaws.com' }, events)).toBe('not allowed');
    expect(ofQueue({ AWS: ROLE }, role)).toBe('allowed');
    expect(ofQueue({ AWS: `${ROLE}2` }, role)).toBe('not allowed');
    expect(ofQueue({ AWS: ROLE }, events)).toBe('not allowed');
    for (const everyone of ['*', { AWS: '*' }]) expect(ofQueue(everyone, role)).toBe('allowed');
  });

  test('a role’s own policies are about the role, not about a service', () => {
    const events = { kind: 'service', name: 'events.amazonaws.com' } as const;
    expect(decision(statement({}), { principal: events })).toBe('not allowed');
  });
});

describe('refuses to read, naming the place,', () => {
  test.each([
    ['NotAction', { NotAction: 'sqs:DeleteQueue' }, 'NotAction in statement 1 of Policy'],
    ['NotResource', { NotResource: TABLE }, 'NotResource in statement 1 of Policy'],
    ['another effect', { Effect: 'Maybe' }, 'Effect "Maybe" in'],
    ['no resource', { Resource: [] }, 'Resource [] in'],
    ['what is no action', { Action: 'SendMessage' }, 'Action SendMessage in'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: how policies write their variables
    ['a policy variable', { Resource: 'arn:aws:sqs:*:*:${aws:username}' }, 'Resource arn:aws:sqs'],
    [
      'an unknown operator',
      { Condition: { DateLessThan: { 'aws:CurrentTime': 'x' } } },
      'Condition operator DateLessThan',
    ],
    ['an unknown key', { Condition: { StringEquals: { 'aws:SourceVpc': 'x' } } }, 'Condition key aws:SourceVpc'],
    ['a principal in a role’s policy', { Principal: '*' }, 'Principal in statement 1'],
  ])('%s', (_, given, problem) => {
    expect(() => parse(statement(given))).toThrow(UnknownPolicyError);
    expect(() => parse(statement(given))).toThrow(problem);
  });

  test('a resource’s policy for an account as a whole, or for a user', () => {
    for (const AWS of ['000000000000', 'arn:aws:iam::000000000000:root', 'arn:aws:iam::000000000000:user/x']) {
      expect(() => parse(statement({ Principal: { AWS } }), 'resource')).toThrow('Principal');
    }
  });

  test('another version, and a document without statements', () => {
    expect(() => parsePolicy({ Version: '2008-10-17', Statement: [statement({})] }, 'Policy', 'identity')).toThrow(
      'Version',
    );
    expect(() => parsePolicy({ Version: '2012-10-17' }, 'Policy', 'identity')).toThrow('no Statement');
  });
});
