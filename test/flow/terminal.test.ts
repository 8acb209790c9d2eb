/** What the commands leave behind in a terminal: a real one, made by `script` of util-linux. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROJECT_DIRECTORY } from '../../service/project.ts';
import { type Engines, SHARD_COUNT, startEngines } from '../support/engines.ts';
import { eventually } from '../support/lambda.ts';

const hasScript = ((): boolean => {
  try {
    return execFileSync('script', ['--version'], { encoding: 'utf8' }).includes('util-linux');
  } catch {
    return false;
  }
})();
if (!hasScript) console.warn('terminal.test.ts needs the command script of util-linux: its tests are left out');
const onTerminal = test.runIf(hasScript);

const CTRL_C = '\x03';
const LINE_WRAP_OFF = '\x1b[?7l';
const LINE_WRAP_ON = '\x1b[?7h';
const CURSOR_OFF = '\x1b[?25l';
const CURSOR_ON = '\x1b[?25h';

let engines: Engines;
const running = new Set<ChildProcess>();
beforeAll(async () => {
  engines = await startEngines();
});
afterAll(async () => {
  for (const child of running) child.kill('SIGKILL');
  await engines.stop();
});

/** The table, with what its tags need not tell. */
const onTable = () => ['--table', engines.table, '--shard-count', String(SHARD_COUNT)];

/** Runs a script of the project in a terminal of its own. */
const inTerminal = (script: string, ...args: string[]) => {
  const command = [process.execPath, join(PROJECT_DIRECTORY, script), ...args].map((part) => `'${part}'`).join(' ');
  // exec: a shell that stays would take Ctrl-C for itself as well, and tell that for the process's end.
  const child = spawn('script', ['-qec', `exec ${command}`, '/dev/null'], {
    env: {
      ...process.env,
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_REGION: 'us-east-1',
      AWS_ENDPOINT_URL_DYNAMODB: engines.dynamodb.endpoint,
      AWS_ENDPOINT_URL_SQS: engines.sqs.endpoint,
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  running.add(child);
  let shown = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    shown += chunk;
  });
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      running.delete(child);
      resolve(code);
    });
  });
  return {
    shown: () => shown,
    ended,
    /** Waits for a bar, which is when the terminal is in another state than it was. */
    bar: () =>
      eventually(
        () => shown,
        (text) => text.includes(LINE_WRAP_OFF),
        60_000,
      ),
    press: (key: string) => child.stdin.write(key),
  };
};

/** The last that the terminal was told of the cursor and of line wrap. */
const expectAsBefore = (shown: string): void => {
  expect(shown).toContain(LINE_WRAP_OFF);
  expect(shown.lastIndexOf(LINE_WRAP_ON)).toBeGreaterThan(shown.lastIndexOf(LINE_WRAP_OFF));
  expect(shown).toContain(CURSOR_OFF);
  expect(shown.lastIndexOf(CURSOR_ON)).toBeGreaterThan(shown.lastIndexOf(CURSOR_OFF));
};

const BAR = 'test/support/bar-process.ts';

describe.each(['alone', 'with-log'])('a process with a bar (%s) leaves the terminal as it was', (kind) => {
  onTerminal.each([
    ['end', 3],
    ['throw', 1],
    ['reject', 1],
  ] as const)('at %s', async (way, code) => {
    const process_ = inTerminal(BAR, way, kind);
    expect(await process_.ended).toBe(code);
    expectAsBefore(process_.shown());
  });

  onTerminal.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('at %s, and ends by it', async (signal) => {
    const process_ = inTerminal(BAR, 'wait', kind);
    const shown = await eventually(process_.shown, (text) => /process \d+ shows a bar/.test(text));
    process.kill(Number(/process (\d+)/.exec(shown)?.[1]), signal);
    expect(await process_.ended).toBe(128 + { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 }[signal]);
    expectAsBefore(process_.shown());
  });

  onTerminal('at Ctrl-C that the process itself waits for, in its own time', async () => {
    const process_ = inTerminal(BAR, 'listen', kind);
    await eventually(process_.shown, (text) => text.includes('shows a bar'));
    process_.press(CTRL_C);
    expect(await process_.ended).toBe(0);
    expectAsBefore(process_.shown());
  });
});

onTerminal('an error that nobody caught is printed after line wrap is on again', async () => {
  const process_ = inTerminal(BAR, 'throw', 'alone');
  await process_.ended;
  const shown = process_.shown();
  expect(shown).toContain(LINE_WRAP_ON);
  expect(shown.indexOf(LINE_WRAP_ON)).toBeLessThan(shown.indexOf('thrown'));
});

describe('Ctrl-C in the middle of a bar ends the command and leaves the terminal as it was', () => {
  onTerminal('of npm run demo', async () => {
    const demo = inTerminal('demo/main.ts');
    await demo.bar();
    demo.press(CTRL_C);
    expect(await demo.ended).toBe(130);
    expectAsBefore(demo.shown());
  });

  onTerminal('of npm run bench', async () => {
    const bench = inTerminal('bench/main.ts', '--only', 'lag', '--out', '/dev/null');
    await bench.bar();
    bench.press(CTRL_C);
    expect(await bench.ended).toBe(130);
    expectAsBefore(bench.shown());
  });

  onTerminal('of npm run measure-lag', async () => {
    const measureLag = inTerminal('commands/measure-lag.ts', ...onTable(), '--bookings', '10000');
    await measureLag.bar();
    measureLag.press(CTRL_C);
    expect(await measureLag.ended).toBe(130);
    expectAsBefore(measureLag.shown());
  });

  onTerminal('of npm run expire-bookings, which first finishes what it has begun', async () => {
    const nowMs = Date.now();
    const ids = Array.from({ length: 2_000 }, (_, index) => `terminal-${index}`);
    for (let first = 0; first < ids.length; first += 50) {
      const some = ids.slice(first, first + 50);
      await Promise.all(some.map((bookingId) => engines.store.create({ bookingId, holdMs: 5_000 }, nowMs - 60_000)));
    }
    const expireBookings = inTerminal('commands/expire-bookings.ts', ...onTable());
    await expireBookings.bar();
    expireBookings.press(CTRL_C);
    expect(await expireBookings.ended).toBe(0);
    expectAsBefore(expireBookings.shown());
    expect(expireBookings.shown()).toMatch(/Successfully expired \d+ booking\(s\)/);
  });
});
