/** What bookings cost with slots and without, as docs/performance.md says it. */
import { expect, test } from 'vitest';
import { measureUnits } from '../../bench/sale/units.ts';
import { startService } from '../../bench/service.ts';
import { TEST_ASSEMBLY } from '../support/synthesize.ts';

test('a transaction writes each item for two units, a booking without slots is one write, and a lapse writes no slot', async () => {
  const service = await startService({ assemblyDirectory: TEST_ASSEMBLY, metered: true });
  try {
    const found = await measureUnits(service, [0, 1, 10], 3);
    const units = (slots: number) =>
      Object.fromEntries(
        found
          .filter((use) => use.slots === slots)
          .map(({ move, writeUnits, transactions }) => [move, [writeUnits, transactions]]),
      );
    const lapse = { 'lapse, by the service': [2, 0] };
    expect(units(0)).toEqual({ create: [2, 0], extend: [3, 0], confirm: [2, 0], 'cancel, paid': [1, 0], ...lapse });
    // Who looks first needs no transaction to hear that a slot is taken.
    const refused = { 'create, refused': [0, 0] };
    expect(units(1)).toEqual({
      create: [5, 1],
      ...refused,
      extend: [6, 1],
      confirm: [5, 1],
      'cancel, paid': [4, 1],
      ...lapse,
    });
    expect(units(10)).toEqual({
      create: [23, 1],
      ...refused,
      extend: [24, 1],
      confirm: [23, 1],
      'cancel, paid': [22, 1],
      ...lapse,
    });
  } finally {
    await service.stop();
  }
});
