/**
 * Every role has what it needs and nothing else. What the Lambdas need is found out by making the real bundles do each of
 * their duties, on the template with a key of the customer's own and all that may be switched on; what AWS's services need follows from the template.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readAssembly } from '../../local/assembly.ts';
import { PROJECT_DIRECTORY, synthesize } from '../../service/project.ts';
import { type Duties, LAMBDAS, startDuties, WHOLE_SETTINGS } from './duties.ts';
import { grantedBy, isBy } from './granted.ts';

const ASSEMBLY = join(PROJECT_DIRECTORY, '.local', 'test-assembly-with-key');

let duties: Duties;
beforeAll(async () => {
  await synthesize(ASSEMBLY, WHOLE_SETTINGS);
  duties = await startDuties(ASSEMBLY);
});
afterAll(() => duties.stop());

test.each(LAMBDAS)('%s does all of its duties', (name) => duties.of[name]());

describe('afterwards', () => {
  test('nothing that anybody needed was refused', () => {
    expect(duties.problems).toEqual([]);
    expect(duties.seen.filter(({ decision }) => decision.kind !== 'allowed')).toEqual([]);
  });

  test('there is no granted action whose loss nobody would have noticed', () => {
    const onlyBy = duties.seen.flatMap(({ decision }) => {
      const [grant, ...others] = decision.kind === 'allowed' ? decision.by : [];
      return grant && others.length === 0 ? [grant] : [];
    });
    const missed = grantedBy(readAssembly(ASSEMBLY).template).filter(
      (granted) => !onlyBy.some((grant) => isBy(granted, grant)),
    );
    expect(missed.map(({ name }) => name)).toEqual([]);
  });
});
