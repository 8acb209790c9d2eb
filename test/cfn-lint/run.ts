/** `npm run test:cfn-lint`: the template by every setting, read by cfn-lint against CloudFormation's own schemas. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkWith } from '../support/outside-tool.ts';
import { SETTINGS_TO_WALK, synth } from '../support/stack.ts';

const IGNORED = {
  W3005: 'CDK writes DependsOn for each policy and permission, also where a reference orders the two already',
};

/** What is wrong with a template, a line each; empty if nothing is. */
const lint = (file: string): string[] => {
  const { status, stdout, stderr, error } = spawnSync(
    'cfn-lint',
    ['--format', 'parseable', '--ignore-checks', ...Object.keys(IGNORED), '--template', file],
    { encoding: 'utf8' },
  );
  if (error) throw error;
  if (status === 0) return [];
  const lines = (stdout + stderr).split('\n').filter((line) => line.trim() !== '');
  return lines.length > 0 ? lines : [`cfn-lint ended with ${status} and said nothing`];
};

const lintAll = async (): Promise<boolean> => {
  for (const [rule, reason] of Object.entries(IGNORED)) console.log(`not asked for: ${rule}, as ${reason}`);
  const directory = mkdtempSync(join(tmpdir(), 'booking-expiry-lint-'));
  let wrong = 0;
  try {
    for (const settings of SETTINGS_TO_WALK) {
      const file = join(directory, 'template.json');
      writeFileSync(file, JSON.stringify(synth(settings).toJSON(), null, 1));
      const problems = lint(file);
      if (problems.length > 0) wrong += 1;
      const given = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
      console.log(`${problems.length === 0 ? 'right' : 'WRONG'}  ${given.join(' ') || 'no setting'}`);
      for (const problem of problems) console.log(`       ${problem.replace(`${file}:`, '')}`);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  console.log(`\n${SETTINGS_TO_WALK.length - wrong} of ${SETTINGS_TO_WALK.length} templates are right`);
  return wrong === 0;
};

await checkWith(
  'test:cfn-lint',
  'Synthesizes the template for every setting and has cfn-lint read it.',
  { command: 'cfn-lint', install: 'pip install cfn-lint' },
  lintAll,
);
