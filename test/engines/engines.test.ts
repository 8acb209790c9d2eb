/** The command that runs the tests on other engines: what it says, and that it leaves nothing out by accident. */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { PROJECT_DIRECTORY } from '../../service/project.ts';
import { DYNAMODB_LOCAL, ELASTICMQ, fetchJars } from './jars.ts';
import { LEFT_OUT, NO_ENGINE, STEPS } from './steps.ts';
import { readSummary } from './summary.ts';

describe('what is missing is said, with what to install', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'booking-expiry-'));
    vi.stubEnv('PATH', directory);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(directory, { recursive: true });
  });
  /** A program that does no more than this. */
  const givenProgram = (name: string, script: string) => {
    writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(directory, name), 0o755);
  };
  const givenJava = (version: string) => givenProgram('java', `echo 'openjdk version "${version}" 2025-01-01' >&2`);
  const fetch = () => fetchJars(directory, () => {});
  const givenJars = () => {
    for (const { artifactId, version } of [DYNAMODB_LOCAL, ELASTICMQ]) {
      mkdirSync(join(directory, `${artifactId}-${version}`, 'jars'), { recursive: true });
    }
  };

  test('no Java', () => {
    expect(() => fetch()).toThrow('there is no Java on the PATH. Debian and Ubuntu: apt install openjdk');
  });

  test('a Java that is too old', () => {
    givenJava('11.0.2');
    expect(() => fetch()).toThrow('needs Java 17 or later, got 11.0.2. Debian');
  });

  test('no Maven, where the engines are not there yet', () => {
    givenJava('17.0.1');
    expect(() => fetch()).toThrow('there is no Maven (mvn) on the PATH. Debian');
  });

  test('a Maven that reaches nothing', () => {
    givenJava('21');
    givenProgram('mvn', 'echo "Could not transfer artifact"; exit 1');
    expect(() => fetch()).toThrow(/could not fetch DynamoDBLocal 2.*\nCould not transfer artifact/);
  });

  test('a Java without a compiler', () => {
    givenJava('17.0.1');
    givenJars();
    expect(() => fetch()).toThrow('no compiler (javac) on the PATH: a JDK is needed. Debian');
  });

  test('nothing, where all is there: no Maven is asked again', () => {
    givenJava('17.0.1');
    givenJars();
    givenProgram('javac', 'exit 0');
    expect(fetch()).toMatchObject({ javaVersion: '17.0.1', launchers: join(directory, 'launchers') });
  });
});

describe('every test', () => {
  const files = readdirSync(join(PROJECT_DIRECTORY, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts') && !name.includes('node_modules'))
    .map((name) => `test/${name}`);
  const onOtherEngines = Object.values(STEPS)
    .flat()
    .filter((name) => name.startsWith('test/'));
  const isNamed = (file: string, names: readonly string[]) =>
    names.some((name) => file === name || file.startsWith(`${name}/`));

  test('has its step, a reason why not, or needs no engine', () => {
    const named = [...onOtherEngines, ...Object.keys(LEFT_OUT), ...NO_ENGINE];
    expect(files.filter((file) => !isNamed(file, named))).toEqual([]);
  });

  test('that is said to need no engine starts none', () => {
    const needless = files.filter((file) => isNamed(file, NO_ENGINE) && !isNamed(file, onOtherEngines));
    const starts = /support\/(bookings-api|engines|runtime)\.ts|\bstart(Guarded|Own)?(DynamoDb|Sqs|Runtime|App)\(/;
    const starting = needless.filter((file) => starts.test(readFileSync(join(PROJECT_DIRECTORY, file), 'utf8')));
    expect(starting.filter((file) => !(file in LEFT_OUT))).toEqual([]);
  });

  test('that is named is there', () => {
    const gone = [...onOtherEngines, ...Object.keys(LEFT_OUT), ...NO_ENGINE].filter(
      (name) => !files.some((file) => isNamed(file, [name])),
    );
    expect(gone).toEqual([]);
  });
});

describe('a summary', () => {
  test('has the last count of tests, and each test that was skipped with its reason', () => {
    const printed = [
      ' ✓ test/a.test.ts > room > passes 3ms',
      ' ↓ test/a.test.ts > room > needs tags 1ms [this engine keeps no tags]',
      ' ↓ test/a.test.ts > says nothing',
      '',
      '      Tests  1 passed | 2 skipped (3)',
    ].join('\n');
    expect(readSummary(printed)).toEqual({
      result: '1 passed | 2 skipped (3)',
      skipped: ['room > needs tags: this engine keeps no tags', 'says nothing: no reason was given'],
    });
  });

  test('of what is no test is its last line', () => {
    expect(readSummary('starting\n\nEvery promise was kept, in 50 s.\n').result).toBe(
      'Every promise was kept, in 50 s.',
    );
    expect(readSummary('').result).toBe('it printed nothing');
  });
});
