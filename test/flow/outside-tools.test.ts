/** The checks that want a program from outside: where it is missing they say so, and never pass unseen. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { PROJECT_DIRECTORY } from '../../service/project.ts';

const directory = mkdtempSync(join(tmpdir(), 'booking-expiry-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const run = (script: string, args: string[], path = directory) =>
  spawnSync(process.execPath, [join(PROJECT_DIRECTORY, script), ...args], {
    encoding: 'utf8',
    env: { ...process.env, PATH: path },
  });

describe.each([
  ['test/cfn-lint/run.ts', 'test:cfn-lint', 'cfn-lint is not in the PATH; to install it: pip install cfn-lint'],
  ['test/runbook/run.ts', 'test:runbook', 'aws is not in the PATH; to install it: pip install awscli'],
  [
    'test/django/run.ts',
    'test:django',
    'python3 (3.10 or later, with venv) is not in the PATH; to install it: apt-get install python3 python3-venv, or https://www.python.org',
  ],
  [
    'test/checker/run.ts',
    'test:checker',
    'go (1.24 or later, with github.com/anishathalye/porcupine from its module proxy or cache) is not in the PATH; to install it: https://go.dev/doc/install; then, with the network there, npm run test:checker',
  ],
])('%s', (script, name, missing) => {
  test('without its tool says what to install, and fails', () => {
    const { status, stderr } = run(script, []);
    expect(stderr).toBe(`${name}: ${missing}\n`);
    expect(status).toBe(1);
  });

  test('with --if-possible says that it was left out', () => {
    const { status, stdout } = run(script, ['--if-possible']);
    expect(stdout).toBe(`${name} is left out: ${missing}\n`);
    expect(status).toBe(0);
  });

  test('refuses wrong usage', () => {
    expect(run(script, ['--if']).status).toBe(2);
  });
});

describe('npm run test:runbook', () => {
  /** An AWS CLI that answers every command alike. */
  const givenAws = (said: string): string => {
    const file = join(directory, 'aws');
    writeFileSync(
      file,
      `#!/bin/sh\n[ "$1" = --version ] && echo aws-cli/test && exit 0\necho '${said}' >&2\nexit 255\n`,
    );
    chmodSync(file, 0o755);
    return `${directory}:${process.env.PATH}`;
  };

  test('takes “could not connect” for an understood command', () => {
    const { status, stdout } = run(
      'test/runbook/run.ts',
      [],
      givenAws('Could not connect to the endpoint URL: "http://127.0.0.1:1/"'),
    );
    expect(stdout).toMatch(/^right {2}docs\/runbook\.md: \d+ calls of aws/m);
    expect(status).toBe(0);
  });

  test('takes anything else for one that is wrong: also an answer from elsewhere', () => {
    for (const said of [
      'aws: error: the following arguments are required: --name',
      'Could not connect to the endpoint URL: "https://sqs.amazonaws.com/"',
    ]) {
      const { status, stdout } = run('test/runbook/run.ts', [], givenAws(said));
      expect(stdout).toMatch(/^WRONG {2}docs\/runbook\.md/m);
      expect(stdout).toContain(said);
      expect(status).toBe(1);
    }
  });
});
