/**
 * The changes of one part by row and by column: neighbours with the same table, key and causal length are a group,
 * groups that set the same columns share a template, and the values of a column stand together.
 */
import type { Change } from '../core/change.ts';
import type { SqlValue } from '../core/sql-value.ts';
import { bytesEqual } from '../core/sql-value.ts';

export interface GatheredColumn {
  readonly cid: string;
  readonly values: SqlValue[];
  readonly colVersions: number[];
}

export interface GatheredTable {
  readonly name: string;
  readonly columns: GatheredColumn[];
  /** One a group. */
  readonly keys: Uint8Array[];
}

/** What the groups of one kind set, in order. */
export interface Template {
  /** Number of the table. */
  readonly table: number;
  readonly cl: number;
  readonly cids: readonly string[];
  /** Numbers of the columns in the table. */
  readonly columns: readonly number[];
}

export interface RowGroups {
  readonly tables: readonly GatheredTable[];
  readonly templates: readonly Template[];
  readonly templateOfGroup: readonly number[];
  /** Index of each group's first change, and the number of changes at the end. */
  readonly starts: readonly number[];
}

export function groupRows(rows: readonly Change[]): RowGroups {
  const gathering = new Gathering();
  const starts: number[] = [];
  const templateOfGroup: number[] = [];
  let template = -1;
  for (let start = 0; start < rows.length;) {
    const end = endOfGroup(rows, start);
    if (!gathering.fits(template, rows, start, end)) template = gathering.templateOf(rows.slice(start, end));
    gathering.add(template, rows, start);
    starts.push(start);
    templateOfGroup.push(template);
    start = end;
  }
  starts.push(rows.length);
  return { tables: gathering.tables, templates: gathering.templates, templateOfGroup, starts };
}

class Gathering {
  readonly tables: GatheredTable[] = [];
  readonly templates: Template[] = [];
  readonly #tableNumbers = new Map<string, number>();
  readonly #templateNumbers = new Map<string, number>();

  /** Whether a group is of the template's kind, as the one before it mostly was. */
  fits(number: number, rows: readonly Change[], start: number, end: number): boolean {
    const template = this.templates[number];
    if (template === undefined || template.cids.length !== end - start) return false;
    const { table, cl } = rows[start]!;
    if (cl !== template.cl || table !== this.tables[template.table]!.name) return false;
    for (let i = 0; i < template.cids.length; i++) if (rows[start + i]!.cid !== template.cids[i]) return false;
    return true;
  }

  templateOf(group: readonly Change[]): number {
    const { table: name, cl } = group[0]!;
    const cids = group.map(({ cid }) => cid);
    const key = JSON.stringify([name, cl, cids]);
    const known = this.#templateNumbers.get(key);
    if (known !== undefined) return known;
    const table = this.#tableOf(name);
    const columns = cids.map((cid) => columnOf(this.tables[table]!, cid));
    this.#templateNumbers.set(key, this.templates.length);
    return this.templates.push({ table, cl, cids, columns }) - 1;
  }

  add(number: number, rows: readonly Change[], start: number): void {
    const { table, columns } = this.templates[number]!;
    const target = this.tables[table]!;
    target.keys.push(rows[start]!.pk);
    for (let i = 0; i < columns.length; i++) {
      const { val, colVersion } = rows[start + i]!;
      const column = target.columns[columns[i]!]!;
      column.values.push(val);
      column.colVersions.push(colVersion);
    }
  }

  #tableOf(name: string): number {
    const known = this.#tableNumbers.get(name);
    if (known !== undefined) return known;
    this.#tableNumbers.set(name, this.tables.length);
    return this.tables.push({ name, columns: [], keys: [] }) - 1;
  }
}

function columnOf(table: GatheredTable, cid: string): number {
  const known = table.columns.findIndex((column) => column.cid === cid);
  return known >= 0 ? known : table.columns.push({ cid, values: [], colVersions: [] }) - 1;
}

function endOfGroup(rows: readonly Change[], start: number): number {
  const { table, pk, cl } = rows[start]!;
  let end = start + 1;
  while (end < rows.length) {
    const next = rows[end]!;
    if (next.cl !== cl || next.table !== table || (next.pk !== pk && !bytesEqual(next.pk, pk))) break;
    end += 1;
  }
  return end;
}
