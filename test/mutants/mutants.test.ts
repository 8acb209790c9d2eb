/** A mutant whose text has moved on breaks nothing, and nobody hears of it before the next long run. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PROJECT_DIRECTORY } from '../../service/project.ts';
import { EXPLORER_MUTANTS } from './explorer-mutants.ts';
import { type ExplorerMutant, MUTANTS, type Mutant, type Replacement } from './mutants.ts';
import { SLOT_MUTANTS } from './slot-mutants.ts';
import { TABLE_MUTANTS } from './table-mutants.ts';

const replacementsOf = (mutant: Mutant | ExplorerMutant): readonly Replacement[] =>
  'also' in mutant && mutant.also ? [mutant, ...mutant.also] : [mutant];

test.each([...MUTANTS, ...TABLE_MUTANTS, ...SLOT_MUTANTS, ...EXPLORER_MUTANTS])(
  'each text of "$name" is in its file once',
  (mutant) => {
    for (const { file, find } of replacementsOf(mutant)) {
      expect(readFileSync(join(PROJECT_DIRECTORY, file), 'utf8').split(find), find).toHaveLength(2);
    }
  },
);
