/** The local runtime for a test file, on the embedded engines or on those that the environment names. */
import { type LocalRuntime, type RuntimeOptions, startRuntime } from '../../local/runtime.ts';
import { TEST_ASSEMBLY } from './synthesize.ts';

/** Its tables and queues are its own: test files that share an engine do not meet. */
export const startTestRuntime = (options: RuntimeOptions = {}): Promise<LocalRuntime> =>
  startRuntime({ assemblyDirectory: TEST_ASSEMBLY, isolated: true, ...options });
