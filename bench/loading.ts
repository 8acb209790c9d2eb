/** Size of each Lambda's bundle, how long a new process takes to import it, and what memory it then holds. */
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { bundleDirectory, readAssembly } from '../local/assembly.ts';
import { resourcesOf } from '../local/template.ts';
import { percentile } from '../measure/lag-report.ts';

export interface Loading {
  readonly name: string;
  readonly bytes: number;
  /** Median of the runs. */
  readonly importMs: number;
  /** Resident memory of the whole process after the import, in MB. */
  readonly residentMb: number;
}

const RUNS = 7;

const PROBE = `
const start = performance.now();
require(process.argv[1]);
console.log(JSON.stringify({ ms: performance.now() - start, residentMb: process.memoryUsage().rss / 1e6 }));
process.exit(0);
`;

export const measureLoading = async (assemblyDirectory: string): Promise<Loading[]> => {
  const assembly = readAssembly(assemblyDirectory);
  return resourcesOf(assembly.template, 'AWS::Lambda::Function').map(([logicalId, properties]) => {
    const bundle = join(bundleDirectory(assembly, logicalId, properties.Code), 'index.js');
    const { Variables } = (properties.Environment ?? {}) as { Variables?: Record<string, unknown> };
    // The bundles read their settings when they are imported. What these say does not matter here.
    const settings = Object.keys(Variables ?? {}).map((name) => [name, '1']);
    const runs = Array.from({ length: RUNS }, () => {
      const env = { PATH: process.env.PATH, AWS_REGION: 'us-east-1', ...Object.fromEntries(settings) };
      return JSON.parse(execFileSync(process.execPath, ['-e', PROBE, bundle], { env, encoding: 'utf8' })) as {
        ms: number;
        residentMb: number;
      };
    });
    return {
      name: logicalId,
      bytes: statSync(bundle).size,
      importMs: percentile(
        runs.map(({ ms }) => ms),
        0.5,
      ),
      residentMb: percentile(
        runs.map(({ residentMb }) => residentMb),
        0.5,
      ),
    };
  });
};
