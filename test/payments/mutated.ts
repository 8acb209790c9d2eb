/** Preloaded into a process (`--import`): files are loaded with the mistake that PAYMENT_MUTANT names in them. */
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { PROJECT_DIRECTORY } from '../../service/project.ts';
import { PAYMENT_MUTANTS } from './mutants.ts';

const mutant = PAYMENT_MUTANTS.find(({ name }) => name === process.env.PAYMENT_MUTANT);
if (mutant === undefined)
  throw new Error(`PAYMENT_MUTANT must be the name of a mutant, got ${process.env.PAYMENT_MUTANT}`);
const replacements = [mutant, ...(mutant.also ?? [])];

registerHooks({
  load: (url, context, nextLoad) => {
    const loaded = nextLoad(url, context);
    const here = replacements.filter(({ file }) => url === pathToFileURL(join(PROJECT_DIRECTORY, file)).href);
    if (here.length === 0) return loaded;
    const source = here.reduce((text, { find, replace }) => text.replace(find, () => replace), String(loaded.source));
    return { ...loaded, source };
  },
});
