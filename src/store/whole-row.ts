/** Rows that arrive whole: found among the steps of a plan, and compared. */
import { SENTINEL_CID } from '../core/change.ts';
import { bytesEqual } from '../core/sql-value.ts';
import type { PlannedStep } from './merge-plan.ts';
import type { MergeRow } from './merge-row.ts';

/** The cells of one row that was never deleted, each column once, in the order they came. */
export type WholeRow = readonly MergeRow[];

/** The whole row that begins at a step; undefined when the steps there are no whole row. */
export function wholeRowAt(steps: readonly PlannedStep[], index: number): WholeRow | undefined {
  const first = steps[index];
  if (first?.kind !== 'merge' || first.row.change.cl !== 1) return undefined;
  const { columns } = first.row.table;
  if (columns.size === 0) return first.row.change.cid === SENTINEL_CID ? [first.row] : undefined;
  const cells: MergeRow[] = [];
  for (let i = index; i < index + columns.size; i++) {
    const step = steps[i];
    if (step?.kind !== 'merge' || !isCellOf(step.row, first.row) || hasCell(cells, step.row.change.cid)) {
      return undefined;
    }
    cells.push(step.row);
  }
  return cells;
}

function isCellOf({ table, change, site }: MergeRow, first: MergeRow): boolean {
  if (table !== first.table || site !== first.site || change.cl !== 1 || change.cid === SENTINEL_CID) return false;
  return change.pk === first.change.pk || bytesEqual(change.pk, first.change.pk);
}

function hasCell(cells: WholeRow, cid: string): boolean {
  for (const { change } of cells) if (change.cid === cid) return true;
  return false;
}

/** The cell of a column, which is mostly at its place. */
export function cellOf(row: WholeRow, place: number, cid: string): MergeRow | undefined {
  return row[place]?.change.cid === cid ? row[place] : row.find(({ change }) => change.cid === cid);
}

/** Whether two rows of a table have the same author, column versions and steps of seq, column after column. */
export function isAlike(row: WholeRow, other: WholeRow): boolean {
  if (row[0]!.site !== other[0]!.site) return false;
  const offset = row[0]!.change.seq - other[0]!.change.seq;
  for (let i = 0; i < row.length; i++) {
    const a = row[i]!.change;
    const b = other[i]!.change;
    if (a.cid !== b.cid || a.colVersion !== b.colVersion || a.seq - b.seq !== offset) return false;
  }
  return true;
}
