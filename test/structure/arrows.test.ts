/** The check of imports can fail. */
import { describe, expect, test } from 'vitest';
import { PROJECT_DIRECTORY } from '../../service/project.ts';
import { MAY_IMPORT } from './arrows.ts';
import { arrowsOf, sourceFiles, wrongArrows } from './wrong-arrows.ts';

const arrows = arrowsOf(PROJECT_DIRECTORY, sourceFiles(PROJECT_DIRECTORY));

describe('the arrows between the rooms', () => {
  test('are those of the rules', () => {
    expect(wrongArrows(MAY_IMPORT, arrows)).toEqual([]);
  });

  test.each([
    ['functions/adapters/booking-store.ts', 'functions/core/moves.ts'],
    ['functions/expire-booking.ts', 'functions/runtime/batch.ts'],
    ['functions/sweep.lambda.ts', 'functions/sweep.ts'],
    ['functions/api/booking-json.ts', 'functions/runtime/clock.ts'],
    ['lib/alarms.ts', 'functions/contract.ts'],
    ['lib/table-description.ts', 'functions/table/shape.ts'],
    ['commands/connect.ts', 'service/runtime-file.ts'],
    ['demo/main.ts', 'service/service.ts'],
  ])('let %s import %s, but not the other way', (from, to) => {
    expect(arrows).toContainEqual({ from, to });
    expect(wrongArrows(MAY_IMPORT, [{ from: to, to: from }])).toHaveLength(1);
  });

  test('ask where a new folder belongs', () => {
    expect(wrongArrows(MAY_IMPORT, [{ from: 'utils/time.ts', to: 'lib/settings.ts' }])).toEqual([
      expect.stringContaining('utils/time.ts is in no room'),
    ]);
  });

  test('see types and lazy imports too', () => {
    expect(arrows).toContainEqual({ from: 'local/lambda-worker.ts', to: 'local/permissions/guarded-requests.ts' });
    expect(arrows).toContainEqual({ from: 'lib/sweep.ts', to: 'lib/expiring-table.ts' });
  });
});

test('rules that name what stands below are refused', () => {
  expect(wrongArrows({ a: ['b'], b: ['a'] }, [])).toEqual(['the rules: a may import b, which must stand above it']);
});
