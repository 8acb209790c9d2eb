/** How a section of the benchmark prints and fails. */
import { expect, test } from 'vitest';
import { cpuPerBooking, cpuUse } from '../../bench/cpu-use.ts';
import type { BenchOptions } from '../../bench/options.ts';
import { growingTable } from '../../bench/report.ts';
import { sectionWork } from '../../bench/section.ts';
import { startDynamoDb } from '../../local/engines.ts';
import { testTable } from '../support/streamed-table.ts';

test('a table is printed row by row, its title and header with the first', () => {
  const printed: string[] = [];
  const print = growingTable(['load', 'p50 ms', 'note'], 'Lag', (text) => printed.push(text));
  expect(printed).toEqual([]);
  print(['50/s, spread', 1.23456, 'x']);
  expect(printed[0]?.split('\n').map((line) => line.trim())).toEqual([
    '',
    'Lag',
    expect.stringMatching(/^load +p50 ms +note$/),
    expect.stringMatching(/^─+ {2}─+ {2}─+$/),
  ]);
  print(['63/s, spread', 12_345, 'y']);
  expect(printed.slice(1)).toEqual([
    `${'50/s, spread'.padEnd(32)}     1.23  x`,
    `${'63/s, spread'.padEnd(32)}   12,345  y`,
  ]);
});

test('a part of a section that fails is told, and the other parts are done', async () => {
  const failures: unknown[] = [];
  const { work } = sectionWork({ json: true } as BenchOptions, '', (error) => failures.push(error));
  const done: string[] = [];
  await work.attempt('50/s', async () => done.push('50/s'));
  await work.attempt('63/s', () => Promise.reject(new Error('timed out')));
  await work.attempt('80/s', async () => done.push('80/s'));
  expect(done).toEqual(['50/s', '80/s']);
  expect(failures).toEqual([new Error('63/s: timed out')]);
});

test('CPU is that of this process and of the embedded DynamoDB beside it', async () => {
  const engine = await startDynamoDb({ port: 0, portVariable: 'PORT' });
  try {
    const table = await testTable(engine.endpoint, 'busy');
    const before = cpuUse();
    await table.put(400);
    const spent = cpuPerBooking(before, cpuUse(), 400);
    expect(spent.processMs).toBeGreaterThan(0);
    expect(spent.mainMs).toBeLessThanOrEqual(spent.processMs + 1);
    if (process.platform === 'linux') expect(spent.dynamodbMs).toBeGreaterThan(0);
  } finally {
    await engine.stop();
  }
});
