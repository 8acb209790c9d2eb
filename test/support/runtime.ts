/** The local runtime for a test file, on the embedded engines or on those that the environment names. */
import { type OwnRuntime, type OwnRuntimeOptions, startOwnRuntime } from '../../service/service.ts';
import { TEST_ASSEMBLY } from './synthesize.ts';

/** Its tables and queues are its own: test files that share an engine do not meet. */
export const startTestRuntime = (options: OwnRuntimeOptions = {}): Promise<OwnRuntime> =>
  startOwnRuntime({ assemblyDirectory: TEST_ASSEMBLY, isolated: true, ...options });
