/**
 * `npm run test:webhooks-python`: what the service signs is verified by the Python library of the Standard Webhooks
 * specification, from PyPI, in a virtual environment of its own.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { signedHeaders } from '../../functions/adapters/webhook-post.ts';
import { receiversForm } from '../../functions/adapters/webhook-secrets.ts';
import { webhookOf } from '../../functions/core/webhook.ts';
import { madeUpSecret } from '../../local/secrets.ts';
import { PROJECT_DIRECTORY } from '../../service/project.ts';
import { checkWith } from '../support/outside-tool.ts';

const LIBRARY = 'standardwebhooks==1.1.0';
const FOLDER = join(PROJECT_DIRECTORY, '.local', 'webhooks-python');
const PYTHON = join(FOLDER, 'bin', 'python');

/** The receiver of docs/webhooks.md, literally, and a program that hands it one request. */
const receiverOf = (document: string): string => {
  const [, code = ''] = /```python\n([\s\S]*?)```/.exec(document) ?? [];
  if (!code.includes('standardwebhooks')) throw new Error('docs/webhooks.md must show a receiver in Python');
  return `${code}
import json, sys
given = json.load(sys.stdin)
print(json.dumps([receive(each["headers"], each["body"].encode(), given["secret"]) for each in given["requests"]]))
`;
};

const run = (command: string, args: readonly string[], input = ''): string => {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', input });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr || stdout}`);
  return stdout;
};

const makeEnvironment = (): void => {
  if (!existsSync(PYTHON)) {
    mkdirSync(FOLDER, { recursive: true });
    run('python3', ['-m', 'venv', FOLDER]);
  }
  run(PYTHON, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', LIBRARY]);
};

const newSecret = (): string =>
  receiversForm(madeUpSecret({ GenerateSecretString: { PasswordLength: 44, ExcludePunctuation: true } }));

const check = async (): Promise<boolean> => {
  makeEnvironment();
  const script = join(FOLDER, 'receiver.py');
  writeFileSync(script, receiverOf(readFileSync(join(PROJECT_DIRECTORY, 'docs', 'webhooks.md'), 'utf8')));
  const [secret, previous, foreign] = [newSecret(), newSecret(), newSecret()];
  const nowMs = Date.now();
  const webhook = webhookOf(
    JSON.stringify({
      'detail-type': 'BookingExpired',
      time: new Date(nowMs).toISOString(),
      detail: { version: 1, eventId: 'Sitz „7“ \u{1f3ab}:EXPIRED:1', bookingId: 'Sitz „7“ \u{1f3ab}' },
    }),
  );
  const request = (secrets: readonly string[], atMs = nowMs, body = webhook.body) => ({
    headers: signedHeaders(webhook, secrets, atMs),
    body,
  });
  const cases = {
    'signed by the secret': [request([secret]), 204],
    'signed by both while they are exchanged, the receiver has the new one': [request([secret, previous]), 204],
    'signed by both while they are exchanged, the receiver has the old one': [request([previous, secret]), 204],
    'signed by another secret': [request([foreign]), 400],
    'signed ten minutes ago': [request([secret], nowMs - 600_000), 400],
    'with another body': [request([secret], nowMs, webhook.body.replace('7', '8')), 400],
  } as const;
  const answers: number[] = JSON.parse(
    run(PYTHON, [script], JSON.stringify({ secret, requests: Object.values(cases).map(([each]) => each) })),
  );
  const results = Object.entries(cases).map(([name, [, wanted]], index) => {
    const isRight = answers[index] === wanted;
    console.log(`${isRight ? 'right' : 'WRONG'}  ${name}: answered ${answers[index]}`);
    return isRight;
  });
  return results.every(Boolean);
};

await checkWith(
  'test:webhooks-python',
  `Verifies webhooks by the Python library ${LIBRARY} from PyPI, with the receiver that docs/webhooks.md shows.`,
  { command: 'python3', install: 'https://www.python.org/downloads (Debian: apt install python3-venv)' },
  check,
);
