/** Growth: the bulk of N, 2N, 4N and 8N rows, a row's time and memory: they stay what they are, or something scans. */
import { crmeshByRows } from '../contenders/crmesh.ts';
import { rounded } from '../lib/measure.ts';
import { figuresFor, inTurns } from '../lib/rounds.ts';
import type { Cell, Table } from '../lib/table.ts';
import { runBulk } from './bulk.ts';
import type { BenchContext, Findings, Workload } from './workload.ts';

export const growth: Workload = {
  name: 'growth',
  title: 'Growth',
  summary: 'time and memory of a row at N, 2N, 4N and 8N rows (--rows = N)',
  run,
};

const BASE = 10_000;
const FACTORS = [1, 2, 4, 8];

async function run(context: BenchContext): Promise<Findings> {
  const [base = BASE] = context.sizes ?? [];
  const rows: Record<string, Cell>[] = [];
  for (const factor of FACTORS) {
    const size = base * factor;
    const outcomes = await inTurns(context, [crmeshByRows], (contender) => runBulk(context, contender, size));
    const { upMs, downMs, serverMB, serverCpuSeconds } = figuresFor(outcomes, crmeshByRows)!;
    rows.push({
      contender: `crmesh, ${factor} x`,
      rows: size,
      'us a row': rounded((1_000 * (upMs + downMs)) / size),
      'up us a row': rounded((1_000 * upMs) / size),
      'down us a row': rounded((1_000 * downMs) / size),
      'relay CPU us a row': rounded((1e6 * serverCpuSeconds) / size),
      'relay MB above idle': serverMB,
      'relay bytes a row': rounded((1e6 * serverMB) / size),
    });
  }
  const table: Table = {
    name: 'Growth',
    caption: 'The bulk workload by rows, up and down, at growing sizes.',
    rows,
    chart: { label: 'contender', value: 'us a row', unit: 'us' },
  };
  return { tables: [table], notes: [] };
}
