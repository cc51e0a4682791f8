/** What a workload answers: tables of figures, each with the chart of one of its columns. */

export type Cell = string | number;

export interface Table {
  readonly name: string;
  /** What was done, in one or two sentences. */
  readonly caption: string;
  readonly rows: readonly Readonly<Record<string, Cell>>[];
  /** Columns of the picture: bars of `value`, named by `label`, in groups by `group`. */
  readonly chart?: { readonly group?: string; readonly label: string; readonly value: string; readonly unit: string };
}

export interface Section {
  readonly workload: string;
  readonly title: string;
  readonly tables: readonly Table[];
  /** Sentences below the tables: what was compared, who did not run and why. */
  readonly notes: readonly string[];
  /** Machine, versions, load and date of the run. */
  readonly stamp: string;
}

/** A table in Markdown. */
export function markdownTable(rows: Table['rows']): string {
  const names = Object.keys(rows[0] ?? {});
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const body = rows.map((row) => line(names.map((name) => cellText(row[name]))));
  return [line(names), line(names.map(() => '---')), ...body].join('\n');
}

export function cellText(cell: Cell | undefined): string {
  if (cell === undefined) return '';
  return typeof cell === 'number' ? cell.toLocaleString('en-US', { maximumFractionDigits: 3 }) : cell;
}
