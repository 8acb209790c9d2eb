/** `npm run test:checker`: races for slots are recorded, and an independent checker of linearizability judges them. */
import { synthesize } from '../../service/project.ts';
import { raceForSlots } from '../races/slot-races.ts';
import { RIGHT_AND_WRONG } from '../races/wrong-slot-races.ts';
import type { Call } from '../slot-histories/explain.ts';
import { checkWith } from '../support/outside-tool.ts';
import { startTestRuntime } from '../support/runtime.ts';
import { TEST_ASSEMBLY } from '../support/synthesize.ts';
import { buildChecker, GO, judge, type NamedRace, useGo, type Verdict } from './porcupine.ts';

const GROUPS = 12;
const ACTS = 6;
/** RACES=20 for more of them. */
const RACES = Number(process.env.RACES ?? 1);

interface Expected extends NamedRace {
  readonly expected: Verdict;
}

/** As it was recorded, but for the last thing that was said of a slot. */
const withLastWordTurned = (calls: readonly Call[]): readonly Call[] => {
  const last = calls.findLastIndex(({ act, told }) => act.do === 'look-up' && told?.kind === 'slot');
  const said = calls[last]?.told;
  if (said === undefined) return calls;
  const turned = said.state === 'FREE' ? { state: 'TAKEN', owner: 'nobody' } : { state: 'FREE' };
  return calls.map((call, index) => (index === last ? { ...call, told: { kind: 'slot', ...turned } } : call));
};

const record = async (): Promise<Expected[]> => {
  const runtime = await startTestRuntime({ schedulePeriodMs: 2_000 });
  try {
    const races: Expected[] = [];
    for (let number = 1; number <= RACES; number += 1) {
      const recorded = await raceForSlots(runtime, `checked-${number}`, { groups: GROUPS, acts: ACTS });
      for (const [index, calls] of recorded.entries()) {
        const name = `race ${number}, group ${index + 1}`;
        races.push({ name, calls, expected: 'Ok' });
        const turned = withLastWordTurned(calls);
        races.push({ name: `${name}, with its last word turned round`, calls: turned, expected: 'Illegal' });
      }
    }
    return races;
  } finally {
    await runtime.stop();
  }
};

const seeded: readonly Expected[] = RIGHT_AND_WRONG.flatMap(({ name, right, wrong }): Expected[] => [
  { name: `what is right beside ${name}`, calls: right, expected: 'Ok' },
  { name, calls: wrong, expected: 'Illegal' },
]);

const checkAll = async (): Promise<boolean> => {
  const program = buildChecker();
  if (process.env.TEST_ASSEMBLY !== 'ready') await synthesize(TEST_ASSEMBLY);
  const races = [...seeded, ...(await record())];
  const startedAtMs = performance.now();
  const verdicts = await judge(program, races);
  const seconds = ((performance.now() - startedAtMs) / 1_000).toFixed(1);
  const wrong = races.filter(({ expected }, index) => verdicts[index] !== expected);
  for (const { name, expected, calls } of wrong) {
    console.log(`WRONG  ${name}: ${verdicts[races.findIndex((race) => race.name === name)]}, not ${expected}`);
    console.log(JSON.stringify(calls));
  }
  const calls = races.reduce((sum, race) => sum + race.calls.length, 0);
  const refused = races.filter(({ expected }) => expected === 'Illegal').length;
  console.log(
    `${races.length - wrong.length} of ${races.length} races judged right (${refused} that cannot have happened), ${calls} calls, in ${seconds} s`,
  );
  return wrong.length === 0;
};

useGo();
await checkWith(
  'test:checker',
  'Records races for slots over several processes and HTTP, and has them judged by porcupine, beside races that cannot have happened.',
  GO,
  checkAll,
);
