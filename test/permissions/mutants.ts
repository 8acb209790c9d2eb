/**
 * `npm run test:permissions`: takes away each single action that a role is granted, one after another, does all duties with
 * the rest, and shows that it is missed: by an error at the start, or by a call that is refused. `npm test` comes to the same
 * by one run that notes what was needed.
 */
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readAssembly } from '../../local/assembly.ts';
import { MissingPermissionError } from '../../local/permissions/judged-duties.ts';
import { PROJECT_DIRECTORY, synthesize } from '../../service/project.ts';
import { LAMBDAS, startDuties, WHOLE_SETTINGS } from './duties.ts';
import { type Granted, grantedBy, without } from './granted.ts';

const WHOLE = join(PROJECT_DIRECTORY, '.local', 'mutants-whole');
const MUTANT = join(PROJECT_DIRECTORY, '.local', 'mutants-lacking');

await synthesize(WHOLE, WHOLE_SETTINGS);
const { template, stackName } = readAssembly(WHOLE);

/** How the loss of it is noticed; undefined if it is not. */
const noticed = async (granted: Granted | undefined): Promise<string | undefined> => {
  rmSync(MUTANT, { recursive: true, force: true });
  cpSync(WHOLE, MUTANT, { recursive: true });
  const mutant = granted ? without(template, granted) : template;
  writeFileSync(join(MUTANT, `${stackName}.template.json`), JSON.stringify(mutant));
  try {
    const duties = await startDuties(MUTANT);
    try {
      // What a Lambda makes of a refusal is not the question here.
      for (const name of LAMBDAS) await duties.of[name]().catch(() => {});
      const isRefused = duties.seen.some(({ action, decision }) => {
        const isThis = granted === undefined || action === granted.action;
        return isThis && decision.kind === 'not allowed';
      });
      return isRefused ? 'refused' : undefined;
    } finally {
      await duties.stop();
    }
  } catch (error) {
    if (error instanceof MissingPermissionError) return 'error at the start';
    throw error;
  }
};

if ((await noticed(undefined)) !== undefined) throw new Error('with nothing taken away, something is refused');
const all = grantedBy(template);
for (const granted of all) {
  const how = await noticed(granted);
  if (how === undefined) process.exitCode = 1;
  console.log(`${(how ?? 'NOT NOTICED').padEnd(20)} ${granted.name}`);
}
console.log(`${all.length} granted actions, ${process.exitCode ? 'not all of them missed' : 'each of them missed'}`);
for (const directory of [WHOLE, MUTANT]) rmSync(directory, { recursive: true, force: true });
process.exit();
