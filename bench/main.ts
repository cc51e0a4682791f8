/**
 * The benchmarks: `crmesh bench [workload ...]` and `npm run bench -- [workload ...]`.
 *
 * Progress goes to stderr, tables to stdout, with --json one object a workload. With --write each workload rewrites its
 * section of bench/README.md and its pictures. Linux only: figures of other processes come from /proc.
 */
import { benchContext, readOptions } from './lib/bench-options.ts';
import { machineStamp } from './lib/machine-stamp.ts';
import { topFunctions } from './lib/profile.ts';
import { sectionText, writeSection } from './lib/report.ts';
import type { Section } from './lib/table.ts';

const options = readOptions(process.argv.slice(2));
const note = (text: string): void => void process.stderr.write(`${text}\n`);
const context = await benchContext(options, note);
for (const workload of options.workloads) {
  context.start();
  const findings = await workload.run(context);
  const stamp = machineStamp(context.repeats);
  const section: Section = { workload: workload.name, title: workload.title, ...findings, stamp };
  process.stdout.write(`${options.json ? JSON.stringify(section) : `${sectionText(section)}\n`}\n`);
  if (options.write) for (const path of writeSection(options.folder, section)) note(`wrote ${path}`);
}
if (options.profile !== undefined) {
  note(`time of our servers by function (profiles in ${options.profile}):`);
  for (const line of topFunctions(options.profile)) note(line);
}
process.exit(0);
