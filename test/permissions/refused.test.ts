/** A permission that is missing: who misses it is told in AWS's words, and what the service makes of it is what AWS would see. */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { encodeTimer } from '../../functions/core/expiry-timer.ts';
import { MissingPermissionError } from '../../local/permissions/judged-duties.ts';
import { PROJECT_DIRECTORY } from '../../service/project.ts';
import { type OwnRuntime, type OwnRuntimeOptions, startOwnRuntime } from '../../service/service.ts';
import { eventually } from '../support/lambda.ts';
import { sqsEvent } from '../support/records.ts';
import { bookingStoreAt } from '../support/store.ts';
import { TEST_ASSEMBLY } from '../support/synthesize.ts';

const ASSEMBLY = join(PROJECT_DIRECTORY, '.local', 'test-assembly-that-lacks');
const TEMPLATE = join(ASSEMBLY, 'booking-expiry-dev.template.json');

let runtime: OwnRuntime | undefined;
const problems: string[] = [];
const lines: string[] = [];
afterEach(async () => {
  await runtime?.stop();
  runtime = undefined;
  rmSync(ASSEMBLY, { recursive: true, force: true });
});

/** The runtime on a template in which nobody may take these actions. */
const startWithout = async (actions: readonly string[], options: OwnRuntimeOptions = {}) => {
  cpSync(TEST_ASSEMBLY, ASSEMBLY, { recursive: true });
  let text = readFileSync(TEMPLATE, 'utf8');
  for (const action of actions) {
    expect(text).toContain(`"${action}"`);
    text = text.replaceAll(`"${action}"`, '"sts:TagSession"');
  }
  writeFileSync(TEMPLATE, text);
  problems.length = lines.length = 0;
  runtime = await startOwnRuntime({
    assemblyDirectory: ASSEMBLY,
    schedulePeriodMs: 'never',
    onProblem: (problem) => problems.push(problem),
    onLogLine: (_, line) => lines.push(line),
    ...options,
  });
  return { runtime, store: bookingStoreAt(runtime.dynamodbEndpoint, runtime.outputs.BookingsTableName ?? '', 10) };
};

test('a Lambda that may not read its bookings together says so, and expires them all the same', async () => {
  const { store } = await startWithout(['dynamodb:BatchGetItem']);
  await store.create({ bookingId: 'seat', holdMs: 1_000 }, Date.now());
  await eventually(
    async () => (await store.get('seat'))?.status,
    (status) => status === 'EXPIRED',
  );
  expect(problems.join('\n')).toMatch(
    /^ExpireBookingFunction was refused: User: arn:aws:sts::000000000000:assumed-role\/\S+\/\S*ExpireBookingFunction\S* is not authorized to perform: dynamodb:BatchGetItem on resource: arn:aws:dynamodb:\S+:table\/\S+ because no identity-based policy allows the dynamodb:BatchGetItem action/m,
  );
});

const NO_WRITES = ['dynamodb:PartiQLUpdate', 'dynamodb:UpdateItem'];
const lapsedTimer = () => sqsEvent(encodeTimer({ bookingId: 'seat', expiresAtMs: Date.now() - 5_000 }));
/** A lapsed booking that is in no stream's record any more, and its timer. */
const expireSeat = async (options: OwnRuntimeOptions) => {
  const { runtime, store } = await startWithout(NO_WRITES, options);
  const nowMs = Date.now() - 6_000;
  await store.create({ bookingId: 'seat', holdMs: 1_000 }, nowMs);
  const answer = await runtime.lambdas.get('ExpireBookingFunction')?.invoke(lapsedTimer());
  return { answer, status: (await store.get('seat'))?.status };
};

test('a Lambda that may not write reports its timers as failed, and nothing is written', async () => {
  const { answer, status } = await expireSeat({});
  expect(answer).toMatchObject({ batchItemFailures: [{ itemIdentifier: expect.any(String) }] });
  expect(status).toBe('PENDING');
  expect(lines.join('\n')).toContain('is not authorized to perform: dynamodb:UpdateItem');
});

test('with the check switched off, the same Lambda on the same template does write', async () => {
  const { answer, status } = await expireSeat({ enforcePermissions: false });
  expect(answer).toEqual({ batchItemFailures: [] });
  expect(status).toBe('EXPIRED');
  expect(problems).toEqual([]);
});

test('an API that may not read its token lets nobody in by it', async () => {
  const { runtime } = await startWithout(['secretsmanager:GetSecretValue']);
  const answer = await fetch(`${runtime.outputs.ApiUrl}/api/v1/cron/expire-bookings`, {
    method: 'POST',
    headers: { authorization: `Bearer ${runtime.cronToken}` },
  });
  expect(answer.status).toBeGreaterThanOrEqual(500);
});

test('what AWS’s own services could not do is told before anything runs', async () => {
  await expect(startWithout(['lambda:InvokeFunction'])).rejects.toThrow(MissingPermissionError);
  await expect(startWithout(['lambda:InvokeFunction'], { enforcePermissions: false })).resolves.toBeDefined();
});
