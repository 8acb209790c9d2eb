/** The three old ways' files, as somebody pastes them: into a crontab that has other jobs, a workflow, a systemd unit. */
import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PROJECT_DIRECTORY } from '../../service/project.ts';
import { documents } from '../runbook/shell-commands.ts';

const directory = mkdtempSync(join(tmpdir(), 'booking-expiry-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const ours = (name: string) => readFileSync(join(PROJECT_DIRECTORY, 'docs/schedulers', name), 'utf8');
const blocks = documents().find(({ file }) => file === 'docs/schedulers.md')?.blocks ?? [];

describe('the crontab', () => {
  const kept = join(directory, 'kept');
  /** A `crontab` that keeps its table in a file, and like the real one says so and fails where there is none. */
  beforeEach(() => {
    const program = join(directory, 'crontab');
    writeFileSync(
      program,
      `#!/bin/sh
case "$1" in
  -l) [ -f "${kept}" ] && cat "${kept}" || { echo 'no crontab for you' >&2; exit 1; } ;;
  -) cat >"${kept}.new" && mv "${kept}.new" "${kept}" ;;
  *) cp "$1" "${kept}" ;;
esac
`,
    );
    chmodSync(program, 0o755);
    rmSync(kept, { force: true });
  });
  const paste = (commands: string) => {
    const { status, stderr } = spawnSync('sh', ['-euc', commands], {
      cwd: PROJECT_DIRECTORY,
      encoding: 'utf8',
      env: { ...process.env, PATH: `${directory}:${process.env.PATH}` },
    });
    expect(stderr).toBe('');
    expect(status).toBe(0);
  };
  const [append = '', remove = ''] = blocks.filter((block) => block.includes('crontab'));
  const mine = 'MAILTO=me@example.com\n0 3 * * * /usr/local/bin/backup # mine\n';

  test('is appended to what is there already, once, however often that is done', () => {
    writeFileSync(kept, mine);
    paste(append);
    paste(append);
    expect(readFileSync(kept, 'utf8')).toBe(mine + ours('crontab'));
  });

  test('is the whole crontab of somebody who has none', () => {
    paste(append);
    expect(readFileSync(kept, 'utf8')).toBe(ours('crontab'));
  });

  test('is taken out again, and nothing else is', () => {
    writeFileSync(kept, mine);
    paste(append);
    paste(remove);
    expect(readFileSync(kept, 'utf8')).toBe(mine);
  });

  test('says in its own head how it is appended', () => {
    expect(ours('crontab').replaceAll(/^# +/gm, '')).toContain(append.replaceAll('\\\n  ', '').trim());
  });

  test('would replace everything if it were installed as a whole: no document says so', () => {
    writeFileSync(kept, mine);
    paste('crontab docs/schedulers/crontab');
    expect(readFileSync(kept, 'utf8')).not.toContain('backup');
    const shown = documents().flatMap((document) => [...document.blocks, ...document.inline]);
    for (const text of [...shown, ours('crontab')]) expect(text).not.toMatch(/crontab docs\/schedulers\/crontab/);
  });

  test('has jobs and settings that cron reads', () => {
    for (const line of ours('crontab').split('\n'))
      expect(line).toMatch(/^(#.*|[A-Z_]+=\S+|(\S+ ){5}cd "\$PROJECT" && .*|)$/);
  });
});

describe('the workflow', () => {
  const workflow = ours('github-actions.yml');
  const [, script = ''] = /run: \|\n([\s\S]*)$/.exec(workflow) ?? [];

  let server: Server | undefined;
  afterEach(() => {
    server?.close();
  });
  interface Call {
    readonly path: string | undefined;
    readonly token: string | undefined;
  }
  /** An API that gives these answers, and the last of them again and again. */
  const givenApi = (answers: readonly [status: number, body: string][]): Promise<{ url: string; calls: Call[] }> =>
    new Promise((resolve) => {
      const calls: Call[] = [];
      server = createServer((request, response) => {
        const [status, body] = answers[Math.min(calls.length, answers.length - 1)] ?? [500, ''];
        calls.push({ path: request.url, token: request.headers.authorization });
        response.writeHead(status).end(body);
      }).listen(0, '127.0.0.1', () => {
        const address = server?.address();
        if (typeof address === 'object' && address) resolve({ url: `http://127.0.0.1:${address.port}`, calls });
      });
    });
  /** As GitHub runs a step with `shell: bash`. */
  const runStep = (url: string): Promise<{ code: number; out: string }> =>
    new Promise((resolve) => {
      const file = join(directory, 'step.sh');
      writeFileSync(file, script.replaceAll(/^ {10}/gm, ''));
      execFile(
        'bash',
        ['--noprofile', '--norc', '-eo', 'pipefail', file],
        { env: { ...process.env, API_URL: url, CRON_TOKEN: 'token-1' } },
        (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), out: stdout + stderr }),
      );
    });
  const more = '{"expired":500,"scheduled":0,"remaining":true}';
  const done = '{"expired":3,"scheduled":0,"remaining":false}';

  test.each(['', '/'])('calls again while there is more, with “%s” at the end of the address', async (end) => {
    const { url, calls } = await givenApi([
      [200, more],
      [200, more],
      [200, done],
    ]);
    const { code, out } = await runStep(url + end);
    expect(calls).toEqual(Array(3).fill({ path: '/api/v1/cron/expire-bookings', token: 'Bearer token-1' }));
    expect(out).toBe(`${more}\n${more}\n${done}\n`);
    expect(code).toBe(0);
  });

  test('ends with a warning where there is always more', async () => {
    const { url, calls } = await givenApi([[200, more]]);
    const { code, out } = await runStep(url);
    expect(calls).toHaveLength(6);
    expect(out).toContain('::warning::');
    expect(code).toBe(0);
  });

  test('fails with what the API said', async () => {
    const { url, calls } = await givenApi([[401, '{"detail":"send Authorization"}']]);
    const { code, out } = await runStep(url);
    expect(calls).toHaveLength(1);
    expect(out).toContain('send Authorization');
    expect(code).toBe(1);
  });

  test('may do nothing to the repository, and ends before its next run', () => {
    expect(workflow).toContain('permissions: {}');
    const [, minutes] = /timeout-minutes: (\d+)/.exec(workflow) ?? [];
    expect(Number(minutes)).toBeLessThan(5);
  });
});

describe('the systemd unit', () => {
  const unit = ours('expire-bookings.service');

  test('starts what there is, and leaves out what Node cannot bear', () => {
    const [, script = ''] = /^ExecStart=\S+\/node (\S+) /m.exec(unit) ?? [];
    expect(existsSync(join(PROJECT_DIRECTORY, script))).toBe(true);
    expect(unit).not.toMatch(/^MemoryDenyWriteExecute/m);
    for (const line of ['DynamicUser=yes', 'NoNewPrivileges=yes', 'ProtectSystem=strict', 'CapabilityBoundingSet='])
      expect(unit.split('\n')).toContain(line);
  });

  const { stdout } = spawnSync(
    'systemd-analyze',
    ['security', '--offline=true', join(PROJECT_DIRECTORY, 'docs/schedulers/expire-bookings.service')],
    { encoding: 'utf8' },
  );
  const [, exposure] = /Overall exposure level for \S+: ([\d.]+)/.exec(stdout ?? '') ?? [];
  test.runIf(exposure)('is rated OK by systemd, not EXPOSED', () => {
    // 1.3 by systemd 252; versions weigh a little differently.
    expect(Number(exposure)).toBeLessThan(2);
  });
});
