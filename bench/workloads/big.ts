/** Big: one transaction of very many changes goes up, and comes down at an empty B, by rows. */
import { crmeshInOneTransaction } from '../contenders/crmesh.ts';
import { rounded } from '../lib/measure.ts';
import { figuresFor, inTurns } from '../lib/rounds.ts';
import type { Cell, Table } from '../lib/table.ts';
import { runBulk } from './bulk.ts';
import type { BenchContext, Findings, Workload } from './workload.ts';

export const big: Workload = {
  name: 'big',
  title: 'One big transaction',
  summary: 'one transaction of 500,000 changes (--rows = changes)',
  run,
};

const SIZES = [500_000];
/** Changes of a row: its columns beside the key. */
const ROW_CHANGES = 3;

async function run(context: BenchContext): Promise<Findings> {
  const rows: Record<string, Cell>[] = [];
  for (const changes of context.sizes ?? SIZES) {
    const size = Math.ceil(changes / ROW_CHANGES);
    const outcomes = await inTurns(context, [crmeshInOneTransaction], (it) => runBulk(context, it, size));
    const figures = figuresFor(outcomes, crmeshInOneTransaction)!;
    rows.push({
      contender: 'crmesh',
      changes: size * ROW_CHANGES,
      'up ms': rounded(figures.upMs),
      'down ms': rounded(figures.downMs),
      'changes/s up': rounded((1_000 * size * ROW_CHANGES) / figures.upMs),
      'B/row up': rounded(figures.upBytes / size),
      'B/row down': rounded(figures.downBytes / size),
      'relay MB above idle': figures.serverMB,
      'relay CPU s': rounded(figures.serverCpuSeconds),
      'A + B CPU s': rounded(figures.clientsCpuSeconds),
    });
  }
  const table: Table = {
    name: 'One transaction',
    caption:
      'A wrote it before it dials; then an empty B dials and begins as the relay offers (an image, when there are many).',
    rows,
    chart: { group: 'changes', label: 'contender', value: 'up ms', unit: 'ms' },
  };
  return { tables: [table], notes: [] };
}
