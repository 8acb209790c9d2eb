import { describe, expect, test, vi } from 'vitest';
import { readAssembly } from '../../local/assembly.ts';
import {
  claimPort,
  EngineError,
  externalEndpoint,
  findDynoxide,
  onClaimedPort,
  startDynamoDb,
} from '../../local/engines.ts';
import { References } from '../../local/references.ts';
import { ratePeriodMs } from '../../local/schedule.ts';
import { checkSupport } from '../../local/support.ts';
import { UnsupportedTemplateError } from '../../local/template.ts';
import { TEST_ASSEMBLY } from '../support/synthesize.ts';

describe('what the local runtime does not support is named at start-up', () => {
  test('a resource of an unknown type', () => {
    const template = { Resources: { Bucket: { Type: 'AWS::S3::Bucket' }, Role: { Type: 'AWS::IAM::Role' } } };
    expect(() => checkSupport(template)).toThrow(UnsupportedTemplateError);
    expect(() => checkSupport(template)).toThrow('resource Bucket of type AWS::S3::Bucket');
  });

  test('an unknown property of a known type, all of them at once', () => {
    const Properties = { FifoThroughputLimit: 'perQueue', VisibilityTimeout: 30, DeduplicationScope: 'queue' };
    const template = { Resources: { Queue: { Type: 'AWS::SQS::Queue', Properties } } };
    expect(() => checkSupport(template)).toThrow('property FifoThroughputLimit of Queue (AWS::SQS::Queue)');
    expect(() => checkSupport(template)).toThrow('property DeduplicationScope of Queue (AWS::SQS::Queue)');
  });

  test('CORS: no web page may call the local runtime', () => {
    const Properties = { ProtocolType: 'HTTP', CorsConfiguration: { AllowOrigins: ['https://shop.example.com'] } };
    const template = { Resources: { Api: { Type: 'AWS::ApiGatewayV2::Api', Properties } } };
    expect(() => checkSupport(template)).toThrow('property CorsConfiguration of Api (AWS::ApiGatewayV2::Api)');
  });

  test('an intrinsic function or a reference', () => {
    const references = new References();
    expect(() => references.resolve({ 'Fn::ImportValue': 'x' })).toThrow('intrinsic function Fn::ImportValue');
    expect(() => references.resolve({ Ref: 'Nowhere' })).toThrow('reference to Nowhere');
  });

  test.each(['cron(0 * * * ? *)', 'at(2026-12-01T00:00:00)', 'rate(5 weeks)', undefined])(
    'the schedule expression %s',
    (expression) => {
      expect(() => ratePeriodMs(expression)).toThrow(UnsupportedTemplateError);
    },
  );
});

describe('the template', () => {
  test('of the app is read with its one stack', () => {
    const { stackName, template } = readAssembly(TEST_ASSEMBLY);
    expect(stackName).toBe('booking-expiry-dev');
    expect(template.Resources.BookingsTable?.Type).toBe('AWS::DynamoDB::Table');
  });

  test('has its references resolved, however deep', () => {
    const references = new References();
    references.set('Queue', 'http://queue', { Arn: 'arn:aws:sqs:queue' });
    references.set('AWS::Region', 'eu-central-1');
    const value = {
      a: [{ 'Fn::Join': ['/', [{ Ref: 'Queue' }, 'x']] }],
      // biome-ignore lint/suspicious/noTemplateCurlyInString: Fn::Sub's own syntax
      b: { 'Fn::Sub': '${AWS::Region}-${Queue.Arn}' },
    };
    expect(references.resolve(value)).toEqual({ a: ['http://queue/x'], b: 'eu-central-1-arn:aws:sqs:queue' });
    expect(references.ownerOf('arn:aws:sqs:queue')).toBe('Queue');
  });

  test.each([
    ['rate(1 minute)', 60_000],
    ['rate(5 minutes)', 300_000],
    ['rate(1 hour)', 3_600_000],
  ])('%s fires every %d ms', (expression, periodMs) => {
    expect(ratePeriodMs(expression)).toBe(periodMs);
  });
});

describe('an engine', () => {
  test('whose port is in use says which variable chooses another', async () => {
    const engine = await startDynamoDb({ port: 0, portVariable: 'DYNAMODB_PORT' });
    const port = Number(new URL(engine.endpoint).port);
    await expect(claimPort({ port, portVariable: 'DYNAMODB_PORT' })).rejects.toThrow(
      `port ${port} is in use: set DYNAMODB_PORT to another`,
    );
    await engine.stop();
    expect(await claimPort({ port, portVariable: 'DYNAMODB_PORT' })).toBe(port);
  });

  test('gets another free port when somebody else took its own first', async () => {
    const taken = Object.assign(new Error('listen EADDRINUSE: address already in use 127.0.0.1'), {
      code: 'EADDRINUSE',
    });
    const tried: number[] = [];
    const startedOn = await onClaimedPort({ port: 0, portVariable: 'SQS_PORT' }, async (port) => {
      tried.push(port);
      if (tried.length < 3) throw taken;
      return port;
    });
    expect(tried).toHaveLength(3);
    expect(startedOn).toBe(tried[2]);

    const always = vi.fn(() => Promise.reject(taken));
    await expect(onClaimedPort({ port: 0, portVariable: 'SQS_PORT' }, always)).rejects.toBe(taken);
    expect(always).toHaveBeenCalledTimes(5);
    // Whoever asked for a port gets that one or an error, and any other failure is not about the port.
    const once = vi.fn(() => Promise.reject(taken));
    await expect(onClaimedPort({ port: tried[0] as number, portVariable: 'SQS_PORT' }, once)).rejects.toThrow('in use');
    const broken = vi.fn(() => Promise.reject(new Error('no disk')));
    await expect(onClaimedPort({ port: 0, portVariable: 'SQS_PORT' }, broken)).rejects.toThrow('no disk');
    expect(once.mock.calls.length).toBeLessThanOrEqual(1);
    expect(broken).toHaveBeenCalledTimes(1);
  });

  test('that is not there for this platform is told with the ways out', () => {
    expect(() => findDynoxide('sunos', 'sparc')).toThrow(EngineError);
    expect(() => findDynoxide('sunos', 'sparc')).toThrow('npm i --no-save dynoxide');
    expect(() => findDynoxide('sunos', 'sparc')).toThrow('DYNAMODB_ENDPOINT');
    expect(findDynoxide()).toContain('dynoxide');
  });

  test('of the operator’s own must be on loopback', () => {
    expect(externalEndpoint('DYNAMODB_ENDPOINT', undefined)).toBeUndefined();
    expect(externalEndpoint('DYNAMODB_ENDPOINT', 'http://localhost:8000/')).toBe('http://localhost:8000');
    for (const elsewhere of ['https://dynamodb.us-east-1.amazonaws.com', 'http://10.0.0.1:8000', 'nonsense']) {
      expect(() => externalEndpoint('DYNAMODB_ENDPOINT', elsewhere)).toThrow(
        'DYNAMODB_ENDPOINT must be a URL on loopback',
      );
    }
  });
});
