/** Merge: changes a second of each way to read and to merge them, in one process; the engine's own way is the floor. */
import { benchFile, startChild } from '../lib/child.ts';
import { medians, rounded } from '../lib/measure.ts';
import type { MergeSpeeds } from '../lib/merge-speeds.ts';
import type { Cell, Table } from '../lib/table.ts';
import type { BenchContext, Findings, Workload } from './workload.ts';

export const merge: Workload = {
  name: 'merge',
  title: 'Merge and read',
  summary: 'changes a second of each merge and read path, in one process',
  run,
};

const SIZES = [20_000];
const WAYS: readonly (readonly [keyof MergeSpeeds, string, string])[] = [
  ['mergeWhole', 'merge', 'crmesh, whole rows written directly'],
  ['mergeCells', 'merge', 'crmesh, cell by cell through the engine'],
  ['mergeEngine', 'merge', 'engine alone, INSERT INTO crsql_changes'],
  ['mergeKnown', 'merge', 'crmesh, rows that are known already'],
  ['readStore', 'read', 'crmesh, SQL over clocks and tables'],
  ['readEngine', 'read', 'engine alone, SELECT FROM crsql_changes'],
];

async function run(context: BenchContext): Promise<Findings> {
  const rows: Record<string, Cell>[] = [];
  for (const size of context.sizes ?? SIZES) {
    const runs: MergeSpeeds[] = [];
    do {
      context.note(`merge and read ${size} rows`);
      const child = startChild(benchFile('merge-process'), [String(size)]);
      runs.push(await child.line<MergeSpeeds>());
      await child.end();
    } while (runs.length < context.repeats && context.timeLeftMs() > 0);
    const speeds = medians(runs);
    for (const [key, work, way] of WAYS) {
      const floor = speeds[work === 'merge' ? 'mergeEngine' : 'readEngine'];
      rows.push({
        work,
        way,
        rows: size,
        'changes/s': rounded(speeds[key]),
        'times the engine': rounded(speeds[key] / floor),
      });
    }
  }
  const table: Table = {
    name: 'Merge and read',
    caption: 'Three changes a row, files, FULL commits, one transaction a thousand rows of the writer.',
    rows,
    chart: { group: 'work', label: 'way', value: 'changes/s', unit: '/s' },
  };
  return { tables: [table], notes: [] };
}
