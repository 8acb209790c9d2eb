/** Preloaded into a process (`--import`): its clock is CLOCK_AHEAD_MS ahead of the machine's, or behind if negative. */
import { clockOffset, goByOffset } from '../../local/moved-clock.ts';

goByOffset(clockOffset(Number(process.env.CLOCK_AHEAD_MS)));
