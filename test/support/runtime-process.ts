/** A local runtime in a process of its own, to be killed. Prints one line of JSON when it is up. */
import { startOwnRuntime } from '../../service/service.ts';
import { TEST_ASSEMBLY } from './synthesize.ts';

const runtime = await startOwnRuntime({ assemblyDirectory: TEST_ASSEMBLY, dataDir: process.env.DATA_DIR });
console.log(JSON.stringify({ dynamodb: runtime.dynamodbEndpoint, sqs: runtime.sqsEndpoint, outputs: runtime.outputs }));
process.on('SIGTERM', async () => {
  await runtime.stop();
  process.exit(0);
});
