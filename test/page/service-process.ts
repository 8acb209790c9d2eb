/** The service with its page, from an app that has been synthesized: what takes longest of `npm start` is done once for all tests. */
import { startOwnRuntime } from '../../service/service.ts';
import { PAGE_ASSEMBLY } from './service.ts';

const runtime = await startOwnRuntime({
  assemblyDirectory: PAGE_ASSEMBLY,
  page: true,
  announce: true,
  apiPort: Number(process.env.PORT),
  schedulePeriodMs: process.env.SWEEPS === 'by schedule' ? undefined : 'never',
});
process.once('SIGTERM', () => void runtime.stop().then(() => process.exit()));
