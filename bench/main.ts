/**
 * `npm run bench`: measures lag, requests, capacity, cost, sweeps and CPU on this machine, over the local runtime. Prints
 * tables and writes all figures as JSON. Nothing that it does leaves loopback.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { PROJECT_DIRECTORY, synthesize } from '../service/project.ts';
import { readOptions, SECTIONS, type Section } from './options.ts';
import { runSections } from './run-sections.ts';
import { type RunSection, sectionWork } from './section.ts';
import { costSection } from './sections/cost.ts';
import { cpuSection } from './sections/cpu.ts';
import { growthSection } from './sections/growth.ts';
import { ladderSection } from './sections/ladder.ts';
import { lagSection } from './sections/lag.ts';
import { momentsSection } from './sections/moments.ts';
import { peersSection } from './sections/peers.ts';
import { permissionsSection } from './sections/permissions.ts';
import { quickSection } from './sections/quick.ts';
import { simulationSection } from './sections/simulation.ts';
import { slotsSection } from './sections/slots.ts';
import { sweepSection } from './sections/sweep.ts';
import { tuningSection } from './sections/tuning.ts';
import { waitingSection } from './sections/waiting.ts';
import { webhooksSection } from './sections/webhooks.ts';

const RUN: Record<Section, RunSection> = {
  lag: lagSection,
  ladder: ladderSection,
  growth: growthSection,
  waiting: waitingSection,
  cost: costSection,
  tuning: tuningSection,
  moments: momentsSection,
  sweep: sweepSection,
  cpu: cpuSection,
  permissions: permissionsSection,
  simulation: simulationSection,
  webhooks: webhooksSection,
  slots: slotsSection,
  peers: peersSection,
  quick: quickSection,
};

const options = readOptions();
const say = (text: string): void => {
  if (!options.json) console.log(text);
};

if (options.plots !== undefined) mkdirSync(options.plots, { recursive: true });
const commit = (() => {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
})();
const machine = {
  date: new Date().toISOString().slice(0, 10),
  commit,
  node: process.version,
  cpu: `${cpus().length} × ${cpus()[0]?.model}`,
  memoryGb: Math.round(totalmem() / 1e9),
  permissions: 'checked',
};
say(`${cpus().length} cores, ${cpus()[0]?.model}; Node ${process.version}; commit ${commit}; permissions are checked`);
const assemblyDirectory = join(PROJECT_DIRECTORY, '.local', 'bench-assembly');
// The simulation alone needs none.
if ([...options.sections].some((section) => section !== 'simulation'))
  await synthesize(assemblyDirectory, { stage: 'bench', shardCount: '10', removalPolicy: 'destroy' });

const figures: Record<string, unknown> = { machine };
const failures: Record<string, string[]> = {};
const onFailure = (section: string, error: unknown): void => {
  const reason = error instanceof Error ? error.message || error.name : String(error);
  failures[section] = [...(failures[section] ?? []), reason];
  console.error(`bench: ${section} failed: ${reason}`);
  process.exitCode = 1;
};
await runSections(
  SECTIONS.filter((section) => options.sections.has(section)).map((name) => {
    const { work, end } = sectionWork(options, assemblyDirectory, (error) => onFailure(name, error));
    figures[name] = work.figures;
    return { name, run: () => RUN[name](work), end };
  }),
  onFailure,
);
if (Object.keys(failures).length > 0) figures.failures = failures;

mkdirSync(dirname(options.out), { recursive: true });
const json = JSON.stringify(figures, undefined, 2);
writeFileSync(options.out, `${json}\n`);
if (options.json) console.log(json);
say(`\nAll figures: ${options.out}`);
for (const section of Object.keys(failures)) say(`Not measured, or in part only: ${section}`);
process.exit();
