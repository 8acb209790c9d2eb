/** Ends with 1 if an import goes where the rules do not let it: part of `npm run check`. */
import { fileURLToPath } from 'node:url';
import { MAY_IMPORT } from './arrows.ts';
import { arrowsOf, sourceFiles, wrongArrows } from './wrong-arrows.ts';

const project = fileURLToPath(new URL('../..', import.meta.url));
const files = sourceFiles(project);
const arrows = arrowsOf(project, files);
const wrong = wrongArrows(MAY_IMPORT, arrows);
for (const line of wrong) console.error(line);
console.log(`${arrows.length} imports of ${files.length} files checked, ${wrong.length} forbidden`);
process.exit(wrong.length > 0 ? 1 : 0);
