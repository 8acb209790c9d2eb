import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type BilledTemplate, monthlyBill } from '../../measure/monthly-bill.ts';
import { synth } from '../support/stack.ts';

const SMALL = { bookings: 30_000, timersPerBatch: 1, tableGb: 0.1 };
const billOf = (given: Parameters<typeof synth>[0] = {}, use = SMALL) => {
  const items = monthlyBill(synth(given).toJSON() as BilledTemplate, use);
  return { items, usd: items.reduce((sum, { usd }) => sum + usd, 0) };
};
const itemOf = (name: string, given?: Parameters<typeof synth>[0]) =>
  billOf(given).items.find(({ item }) => item === name)?.usd;

describe('a month of 1,000 bookings a day', () => {
  test('costs at most 5 USD at list price, all in, even with a batch for each timer', () => {
    expect(billOf().usd).toBeLessThan(5);
  });

  test('has at most ten metrics and twelve alarms in it', () => {
    expect(itemOf('custom metrics')).toBeLessThanOrEqual(3);
    synth().resourcePropertiesCountIs('AWS::CloudWatch::Alarm', {}, 11);
  });

  test('costs 3 USD more with a dashboard, and less with rarer sweeps', () => {
    expect(billOf({ dashboard: true }).usd - billOf().usd).toBeCloseTo(3, 9);
    expect(itemOf('sweeps', { sweepIntervalMinutes: 60 })).toBeCloseTo((itemOf('sweeps') ?? 0) / 12, 9);
  });
});

test('webhooks cost as much more as the README says, before any is sent', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const [, more] = /an alarm more, ([\d.]+) USD a month/.exec(readme) ?? [];
  expect((billOf({ webhookUrl: 'https://app.example.com/hook' }).usd - billOf().usd).toFixed(2)).toBe(more);
});

describe('pollers that stand ready', () => {
  test('cost as much each as the README and attach.md say, and none is there unless asked for', () => {
    const usdEach = (itemOf('provisioned pollers', { timerPollersMin: 20 }) ?? 0) / 20;
    for (const page of ['README.md', 'docs/attach.md', 'CHANGELOG.md']) {
      const text = readFileSync(new URL(`../../${page}`, import.meta.url), 'utf8');
      expect(text, page).toContain(`${usdEach.toFixed(2)} USD a month`);
    }
    expect(itemOf('provisioned pollers')).toBe(0);
  });

  test('cost 13.5 USD a month for two, as was reported', () => {
    expect(itemOf('provisioned pollers', { timerPollersMax: 2_000 })).toBeCloseTo(13.5, 1);
  });

  test('poll an idle queue each, beside those of a webhook queue, which are not provisioned', () => {
    const webhookUrl = 'https://app.example.com/hook';
    const more = (itemOf('idle pollers', { timerPollersMin: 15, webhookUrl }) ?? 0) / (itemOf('idle pollers') ?? 0);
    expect(more).toBeCloseTo((15 + 5 + 5) / 5, 9);
  });
});

test('a million bookings a day cost less each, the fuller the batches that AWS gives', () => {
  const LARGE = { bookings: 30_000_000, tableGb: 30 };
  const dear = billOf({}, { ...LARGE, timersPerBatch: 1 }).usd;
  const cheap = billOf({}, { ...LARGE, timersPerBatch: 10 }).usd;
  expect(cheap).toBeLessThan(dear);
  expect(dear / 30).toBeLessThan(16);
});

test.each([
  ['1,000 a day', 30_000, 0.1],
  ['10,000 a day', 300_000, 1],
  ['1,000,000 a day', 30_000_000, 30],
])('the README says what %s cost', (row, bookings, tableGb) => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const [, cheap = '', dear = ''] = new RegExp(`\\| ${row} \\| ([\\d.]+) to ([\\d.]+) \\|`).exec(readme) ?? [];
  const digits = cheap.split('.')[1]?.length ?? 0;
  expect(billOf({}, { bookings, tableGb, timersPerBatch: 10 }).usd.toFixed(digits)).toBe(cheap);
  expect(billOf({}, { bookings, tableGb, timersPerBatch: 1 }).usd.toFixed(digits)).toBe(dear);
});
