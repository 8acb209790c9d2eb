/** The app with five tables on the local runtime, in a process of its own, to be killed. Prints a line of JSON when it is up. */
import { startRuntime } from '../../local/testing.ts';
import { FIVE_TABLES } from './five-tables.ts';
import { fiveTablesApp } from './five-tables-app.ts';

const runtime = await startRuntime({ app: fiveTablesApp(), dataDir: process.env.DATA_DIR });
const tables = Object.fromEntries(FIVE_TABLES.map(({ name }) => [name, runtime.nameOf(`Strangers/${name}`)]));
console.log(JSON.stringify({ dynamodb: runtime.dynamodbEndpoint, tables }));
process.on('SIGTERM', async () => {
  await runtime.stop();
  process.exit(0);
});
