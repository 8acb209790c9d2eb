/**
 * What AWS's services must be able to do for the template to work, under every setting: the schedule, the rule, the routes
 * and the alarms, Lambda for its functions, and everybody with what a key encrypts. Each permission that is taken away is
 * an error before anything runs.
 */
import { describe, expect, test } from 'vitest';
import { noteNames } from '../../local/arns.ts';
import { MissingPermissionError } from '../../local/permissions/judged-duties.ts';
import { checkPermissions } from '../../local/permissions/runtime-permissions.ts';
import { References } from '../../local/references.ts';
import { resourcesOf, type Template, UnsupportedTemplateError } from '../../local/template.ts';
import { KEY, SETTINGS_TO_WALK, synth } from '../support/stack.ts';
import { WHOLE_SETTINGS } from './duties.ts';
import { grantedBy } from './granted.ts';

interface PolicyStatement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource?: unknown;
  readonly Principal?: unknown;
  readonly Condition?: Record<string, unknown>;
}
type Mutable = { Resources: Record<string, { Type: string; Properties: Record<string, never> }> };

const check = (template: Template) => {
  const references = new References();
  const assembly = { directory: '', stackName: 'booking-expiry-dev', template };
  noteNames(assembly, references);
  return checkPermissions(assembly, references, {});
};
const templateOf = (settings: (typeof SETTINGS_TO_WALK)[number]) => synth(settings).toJSON() as Template & Mutable;
/** A copy of a template with something done to it. */
const changed = (template: Template, change: (copy: Mutable) => void): Template => {
  const copy = structuredClone(template) as Template & Mutable;
  change(copy);
  return copy;
};
const propertiesOf = <P>(template: Template | Mutable, logicalId: string): P =>
  (template.Resources[logicalId]?.Properties ?? {}) as P;
const statementsOf = (template: Template | Mutable, logicalId: string): PolicyStatement[] =>
  propertiesOf<{ PolicyDocument: { Statement: PolicyStatement[] } }>(template, logicalId).PolicyDocument.Statement;
const actionsOf = ({ Action }: PolicyStatement): string[] => [Action].flat() as string[];

describe.each(SETTINGS_TO_WALK.map((settings) => [JSON.stringify(settings), settings] as const))(
  'with %s',
  (_name, settings) => {
    const template = templateOf(settings);

    test('everybody may do what is to be done', () => {
      expect(() => check(template)).not.toThrow();
    });

    test('nobody can do without a resource’s policy that lets somebody in', () => {
      const letIn = [
        ...resourcesOf(template, 'AWS::SQS::QueuePolicy'),
        ...resourcesOf(template, 'AWS::SNS::TopicPolicy'),
      ]
        .flatMap(([logicalId]) =>
          statementsOf(template, logicalId).map((statement, index) => ({ logicalId, index, statement })),
        )
        .filter(({ statement }) => statement.Effect === 'Allow');
      // Of the rule's dead-letter queue, and of the alarms' topic; with webhooks of their queue and its dead letters.
      expect(letIn).toHaveLength('webhookUrl' in settings ? 4 : 2);
      for (const { logicalId, index } of letIn) {
        const without = changed(template, (copy) => statementsOf(copy, logicalId).splice(index, 1));
        expect(() => check(without), logicalId).toThrow(MissingPermissionError);
      }
      const permissions = resourcesOf(template, 'AWS::Lambda::Permission');
      expect(permissions.length).toBeGreaterThan(0);
      for (const [logicalId] of permissions) {
        const without = changed(template, (copy) => delete copy.Resources[logicalId]);
        expect(() => check(without), logicalId).toThrow(MissingPermissionError);
      }
    });

    test('nobody can do without a role that may be assumed', () => {
      for (const [logicalId] of resourcesOf(template, 'AWS::IAM::Role')) {
        const without = changed(template, (copy) => {
          const role = propertiesOf<{ AssumeRolePolicyDocument: { Statement: { Principal: unknown }[] } }>(
            copy,
            logicalId,
          );
          for (const statement of role.AssumeRolePolicyDocument.Statement)
            statement.Principal = { Service: 'ec2.amazonaws.com' };
        });
        expect(() => check(without), logicalId).toThrow(MissingPermissionError);
      }
    });
  },
);

/** What the roles are granted, less what is about keys. */
const grantsOf = (template: Template): string[] =>
  grantedBy(template)
    .map(({ name }) => name)
    .filter((name) => !name.includes(' kms:'))
    .sort();

test('no setting but the key and what it switches on changes what a role may do', () => {
  // needed.test.ts finds out that each of these is needed.
  const measured = grantsOf(templateOf(WHOLE_SETTINGS));
  const ofWebhooks = measured.filter((name) => name.startsWith('SendWebhooks'));
  expect(ofWebhooks.length).toBeGreaterThan(5);
  const ofNotices = measured.filter((name) => /^ExpireBooking.* events:PutEvents/.test(name));
  expect(ofNotices).toHaveLength(1);
  const ofTheList = measured.filter((name) => name.includes('/index/settled-by-time'));
  expect(ofTheList).toEqual([expect.stringContaining('dynamodb:Query')]);
  for (const settings of SETTINGS_TO_WALK) {
    const switchedOff = [
      ...('webhookUrl' in settings ? [] : ofWebhooks),
      ...('noticeBeforeSeconds' in settings ? [] : ofNotices),
      ...(settings.listSettled === true ? [] : ofTheList),
    ];
    expect(grantsOf(templateOf(settings))).toEqual(measured.filter((name) => !switchedOff.includes(name)));
  }
});

describe('taken by hand, it is told what is wrong:', () => {
  const template = templateOf({ kmsKeyArn: KEY });
  const policyWith = (action: string, roleName: RegExp): string =>
    resourcesOf(template, 'AWS::IAM::Policy').find(
      ([logicalId]) =>
        roleName.test(logicalId) && statementsOf(template, logicalId).some((each) => actionsOf(each).includes(action)),
    )?.[0] ?? '';
  const without = (action: string, roleName: RegExp): Template =>
    changed(template, (copy) => {
      for (const statement of statementsOf(copy, policyWith(action, roleName))) {
        Object.assign(statement, {
          Action: actionsOf(statement).map((each) => (each === action ? 'sts:TagSession' : each)),
        });
      }
    });

  test.each([
    ['lambda:InvokeFunction', /ScheduleRole/, /schedule .* must be allowed lambda:InvokeFunction/],
    ['sqs:SendMessage', /ScheduleRole/, /dead letters of schedule/],
    ['kms:GenerateDataKey', /ScheduleRole/, /dead letters of schedule .* must be allowed kms:GenerateDataKey/],
    ['kms:Decrypt', /PublishEvents/, /must be allowed kms:Decrypt/],
    ['kms:Decrypt', /ExpireBooking/, /event source mapping .* must be allowed kms:Decrypt/],
    ['sqs:DeleteMessage', /ExpireBooking/, /must be allowed sqs:DeleteMessage/],
    ['dynamodb:GetRecords', /ScheduleExpiry/, /must be allowed dynamodb:GetRecords/],
    ['sqs:SendMessage', /PublishEvents/, /must be allowed sqs:SendMessage/],
    ['logs:PutLogEvents', /Sweep/, /logs of SweepFunction/],
  ])('%s of %s', (action, roleName, problem) => {
    expect(() => check(without(action, roleName))).toThrow(problem);
  });

  test('a topic that lets in the alarms of another stack, or another account', () => {
    for (const [from, to] of [
      ['alarm:booking-expiry-dev/*', 'alarm:booking-expiry-prod/*'],
      ['"aws:SourceAccount":{"Ref":"AWS::AccountId"}', '"aws:SourceAccount":"111111111111"'],
    ] as const) {
      const text = JSON.stringify(template);
      expect(text).toContain(from);
      expect(() => check(JSON.parse(text.replaceAll(from, to)))).toThrow(
        /alarm .* cloudwatch.amazonaws.com must be allowed sns:Publish/,
      );
    }
  });

  test('a Deny on a queue, for everybody', () => {
    const denied = changed(template, (copy) => {
      for (const [logicalId] of resourcesOf(copy as Template, 'AWS::SQS::QueuePolicy')) {
        for (const statement of statementsOf(copy, logicalId)) {
          if (statement.Effect === 'Deny')
            Object.assign(statement, { Condition: { Bool: { 'aws:SecureTransport': 'true' } } });
        }
      }
    });
    expect(() => check(denied)).toThrow(/must be allowed sqs:SendMessage on .* denies it/);
  });

  test('what could mean something else than what would be understood', () => {
    const unknown = changed(template, (copy) => {
      const [statement] = statementsOf(copy, policyWith('sqs:DeleteMessage', /ExpireBooking/));
      Object.assign(statement ?? {}, { Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } });
    });
    expect(() => check(unknown)).toThrow(UnsupportedTemplateError);
    expect(() => check(unknown)).toThrow(/Condition operator IpAddress in statement 1 of ExpireBooking/);
  });
});
