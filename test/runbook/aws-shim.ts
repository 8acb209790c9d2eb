/**
 * Stands for `aws` while the documents' commands run. Hands them to the real one with an address where nobody listens: a command
 * that it understands ends with "could not connect". Notes what became of it, and answers what the commands after it need.
 */
import { spawnSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';

/** Port 1 on loopback: nothing listens there, and nothing leaves this machine. */
const NOWHERE = 'http://127.0.0.1:1';

/** What a command found out about one `aws` command. */
export interface Note {
  readonly command: string;
  readonly understood: boolean;
  readonly said: string;
}

const SCHEDULE = {
  Name: 'sweep',
  GroupName: 'default',
  Arn: 'arn:aws:scheduler:us-east-1:123456789012:schedule/default/sweep',
  ScheduleExpression: 'rate(5 minutes)',
  FlexibleTimeWindow: { Mode: 'OFF' },
  State: 'ENABLED',
  Target: {
    Arn: 'arn:aws:lambda:us-east-1:123456789012:function:sweep',
    RoleArn: 'arn:aws:iam::123456789012:role/sweep',
  },
  CreationDate: '2026-11-25T00:00:00Z',
  LastModificationDate: '2026-11-25T00:00:00Z',
};

/** What AWS might have answered. Of a text only that there is one matters. */
const answerTo = ([service, operation, ...options]: readonly string[]): string => {
  if (service === 'scheduler' && operation === 'get-schedule') return JSON.stringify(SCHEDULE);
  return options.includes('text') ? 'arn:aws:sqs:us-east-1:123456789012:queue' : '{}';
};

const args = process.argv.slice(2);
const { REAL_PATH = '', NOTES_FILE = '', HOME = '/' } = process.env;
// The last endpoint wins, whatever the command or a configuration says. In that PATH `aws` is the real one.
const { stderr } = spawnSync('aws', [...args, '--endpoint-url', NOWHERE], {
  encoding: 'utf8',
  stdio: ['ignore', 'ignore', 'pipe'],
  env: {
    PATH: REAL_PATH,
    HOME,
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_ACCESS_KEY_ID: 'nobody',
    AWS_SECRET_ACCESS_KEY: 'nobody',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_MAX_ATTEMPTS: '1',
    AWS_PAGER: '',
  },
});
// Of wrong usage the reason, and not the pages before it.
const said = stderr.slice(Math.max(0, stderr.indexOf('aws: error'))).trim();
const note: Note = {
  command: `aws ${args.join(' ')}`,
  understood: said.includes(`Could not connect to the endpoint URL: "${NOWHERE}`),
  said,
};
appendFileSync(NOTES_FILE, `${JSON.stringify(note)}\n`);
if (note.understood) console.log(answerTo(args));
else process.exitCode = 1;
