/**
 * `npm run test:page`: the page in a real browser, against a service of its own. It installs nothing: where there is no Chromium, it
 * says what to install.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, resolve } from 'node:path';
import { PROJECT_DIRECTORY } from '../../service/project.ts';
import { checkWith } from '../support/outside-tool.ts';
import { BROWSER_VARIABLE } from './browser.ts';

/** What Chromium is called, by system. A variable of the same meaning comes first. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** A program's file, which is what a browser is started by; undefined if it is in no folder of the PATH. */
const fileOf = (name: string): string | undefined =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => resolve(folder, name))
    .find(existsSync);

const command = process.env[BROWSER_VARIABLE] || (NAMES.flatMap((name) => fileOf(name) ?? [])[0] ?? 'chromium');

const runTests = (): Promise<boolean> =>
  new Promise((ended, failed) => {
    const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/page/vitest.config.ts'];
    const child = spawn(process.execPath, vitest, {
      cwd: PROJECT_DIRECTORY,
      env: { ...process.env, [BROWSER_VARIABLE]: command },
      stdio: 'inherit',
    });
    child.once('error', failed);
    child.once('close', (code) => ended(code === 0));
  });

await checkWith(
  'test:page',
  `Opens the page of npm start in a real browser. SCREENSHOTS=docs/images also writes the pictures of the documents there.
${BROWSER_VARIABLE} names another Chromium than the one in the PATH.`,
  { command, name: 'Chromium', install: 'apt-get install chromium' },
  runTests,
);
