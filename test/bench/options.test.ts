/** What the benchmark measures, as its command line says. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { LOAD_NAMES, loadNamed } from '../../bench/load-names.ts';
import { readOptions } from '../../bench/options.ts';
import { SYSTEMS } from '../../bench/peer-runs/names.ts';
import { PROJECT_DIRECTORY } from '../../service/project.ts';

const optionsOf = (...given: string[]) => {
  const before = process.argv;
  process.argv = ['node', 'bench/main.ts', ...given];
  try {
    return readOptions();
  } finally {
    process.argv = before;
  }
};

describe('the command line of the benchmark', () => {
  test('measures everything unless it is told otherwise, except what needs servers and what is short', () => {
    const { sections, loads, steps } = optionsOf();
    expect([...sections]).toEqual(expect.arrayContaining(['lag', 'ladder', 'growth', 'waiting', 'simulation']));
    expect([sections.has('peers'), sections.has('quick')]).toEqual([false, false]);
    expect([loads, steps]).toEqual([undefined, undefined]);
  });

  test.each([
    [['--quick'], ['quick']],
    [
      ['--only', 'ladder,growth'],
      ['ladder', 'growth'],
    ],
    [
      ['--only', 'lag', '--peers'],
      ['lag', 'peers'],
    ],
    [['--load', '50-spread'], ['lag']],
  ])('%j measures %j', (given, sections) => {
    expect([...optionsOf(...given).sections]).toEqual(sections);
  });

  test('runs any single load by its name', () => {
    const names = ['50-spread', '7-scattered', '1000-coincide', 'one-second', 'half-paid', '24-hours'];
    expect(optionsOf('--load', names.join(',')).loads?.map(({ name }) => name)).toEqual(names);
    expect(loadNamed('7-scattered')).toMatchObject({ kind: 'rate', perSecond: 7, shape: 'scattered' });
    expect(loadNamed('7-scattered')).not.toHaveProperty('holdMs');
  });

  test.each([
    ['250-spread-15m', 15 * 60_000],
    ['5-coincide-20s', 20_000],
  ])('holds the bookings of %s for so long', (name, holdMs) => {
    expect(loadNamed(name)).toMatchObject({ name, kind: 'rate', holdMs });
  });

  test('climbs the steps that it is given', () => {
    expect(optionsOf('--only', 'ladder', '--steps', '100,600').steps).toEqual([100, 600]);
  });

  test('compares with all systems, or with those that it is given', () => {
    expect([...optionsOf('--peers').systems]).toEqual([...SYSTEMS]);
    expect([...optionsOf('--only', 'peers', '--systems', 'bullmq,pg-boss').systems]).toEqual(['bullmq', 'pg-boss']);
  });

  test.each([
    '50',
    'spread',
    '0-spread',
    '50-sprad',
    '50-one-second',
    '50-spread-15',
    '50-spread-0m',
    '50-spread-100s',
    '',
  ])('knows no load of the name %j', (name) => {
    expect(loadNamed(name)).toBeUndefined();
  });

  test.each([
    [['--load', '50-sprad'], `--load must name loads out of ${LOAD_NAMES}, got 50-sprad`],
    [['--only', 'lags'], '--only must name sections out of'],
    [['--only', 'lag', '--quick'], '--only, --load and --quick each say what is measured: one of them must be given'],
    [['--systems', 'bull'], `--systems must name systems out of ${SYSTEMS.join(', ')}, got bull`],
    [['--steps', '0'], '--steps must be whole numbers from 1, got 0'],
  ])('%j is refused, with what is allowed, before anything is measured', (given, message) => {
    const { status, stderr } = spawnSync(process.execPath, [join(PROJECT_DIRECTORY, 'bench/main.ts'), ...given], {
      encoding: 'utf8',
    });
    expect(status).toBe(2);
    expect(stderr).toContain(message);
  });
});
