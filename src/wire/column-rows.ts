/**
 * The rows of a decoded body: its columns, and changes that are put together from them as they are asked for.
 *
 * Why     A change is an object a cell, several times what its place in a column takes. Very many changes wait as
 *         columns, checked as all that is decoded, and only those that are looked at next are there as changes.
 */
import type { Change } from '../core/change.ts';
import { SENTINEL_CID } from '../core/change.ts';
import type { ChangeRows } from '../core/part.ts';
import type { SqlValue } from '../core/sql-value.ts';
import type { Column } from './column.ts';
import { invalidChange } from './invalid-change.ts';
import type { KeyColumn } from './key-column.ts';
import { keyAt } from './key-column.ts';
import type { Template } from './row-groups.ts';
import type { SeqColumn, VersionColumn } from './row-numbers.ts';

export interface DecodedTable {
  readonly name: string;
  readonly keys: KeyColumn;
  readonly columns: readonly DecodedColumn[];
}

export interface DecodedColumn {
  readonly values: Column<SqlValue>;
  /** One number where all are equal. */
  readonly colVersions: number | Float64Array;
  /** What both hold beside the body. */
  readonly bytes: number;
}

export interface DecodedColumns {
  readonly templates: readonly Template[];
  readonly templateOfGroup: ArrayLike<number>;
  readonly tables: readonly DecodedTable[];
  /** Of all tables. */
  readonly changes: number;
  readonly seqs: SeqColumn;
  readonly versions: VersionColumn;
  /** Of the body, inflated, and of what was made of it beside the tables. */
  readonly bytes: number;
}

/** Changes that are put together at once for who looks at one after the other. */
const STEP_ROWS = 200;

/** Where in the columns a row stands. */
interface Place {
  row: number;
  group: number;
  /** Cells of the group that are passed. */
  cell: number;
  /** By table: its groups that are passed, and by column its cells. */
  readonly tables: readonly { key: number; readonly cells: number[] }[];
}

/** Cost  a slice that begins before the end of the one before walks there from where the one before that began. */
export class ColumnRows implements ChangeRows {
  readonly length: number;
  readonly heldBytes: number;
  readonly #columns: DecodedColumns;
  #place: Place;
  /** Where the last slice began that did not go on from the one before: what is read once is mostly read again. */
  #mark: Place;

  constructor(columns: DecodedColumns) {
    this.length = columns.changes;
    this.heldBytes = heldBytesOf(columns);
    this.#columns = columns;
    this.#place = startOf(columns);
    this.#mark = startOf(columns);
  }

  /** Errors  CHANGE_INVALID for a sentinel whose colVersion is not its cl: see check(). */
  slice(start = 0, end: number = this.length): Change[] {
    if (start !== this.#place.row) this.#goTo(start);
    return this.#take(Math.min(end, this.length));
  }

  *[Symbol.iterator](): Iterator<Change> {
    for (let start = 0; start < this.length; start += STEP_ROWS) yield* this.slice(start, start + STEP_ROWS);
  }

  /** Throws what any slice could throw. */
  check(): void {
    const { templates } = this.#columns;
    if (!templates.some(({ cids }) => cids.includes(SENTINEL_CID))) return;
    for (let start = 0; start < this.length; start += STEP_ROWS) this.slice(start, start + STEP_ROWS);
  }

  #goTo(row: number): void {
    if (row < this.#place.row) this.#place = row < this.#mark.row ? startOf(this.#columns) : copyOf(this.#mark);
    const place = this.#place;
    const { templates, templateOfGroup } = this.#columns;
    while (place.row < Math.min(row, this.length)) {
      const { table, columns } = templates[templateOfGroup[place.group]!]!;
      const until = Math.min(columns.length, place.cell + row - place.row);
      const { cells } = place.tables[table]!;
      for (let i = place.cell; i < until; i++, place.row++) cells[columns[i]!]! += 1;
      this.#pass(table, { until, cells: columns.length });
    }
    this.#mark = copyOf(place);
  }

  /** The changes from where it stands to before `end`. */
  #take(end: number): Change[] {
    const rows: Change[] = [];
    const place = this.#place;
    const { templates, templateOfGroup, tables } = this.#columns;
    while (place.row < end) {
      const template = templates[templateOfGroup[place.group]!]!;
      const table = tables[template.table]!;
      const passed = place.tables[template.table]!;
      const cells = template.columns.length;
      const until = Math.min(cells, place.cell + end - place.row);
      this.#takeCells(rows, { template, table, passed: passed.cells, pk: keyAt(table.keys, passed.key), until });
      this.#pass(template.table, { until, cells });
    }
    return rows;
  }

  /** `until` of the `cells` of a group are behind it. */
  #pass(table: number, { until, cells }: { readonly until: number; readonly cells: number }): void {
    const place = this.#place;
    place.cell = until < cells ? until : 0;
    if (until < cells) return;
    place.group += 1;
    place.tables[table]!.key += 1;
  }

  #takeCells(rows: Change[], { template, table, passed, pk, until }: GroupCells): void {
    const place = this.#place;
    const { seqs, versions } = this.#columns;
    const { cl, cids, columns } = template;
    for (let i = place.cell; i < until; i++, place.row++) {
      const cid = cids[i]!;
      const number = columns[i]!;
      const { values, colVersions } = table.columns[number]!;
      const at = passed[number]!++;
      const colVersion = typeof colVersions === 'number' ? colVersions : colVersions[at]!;
      if (cid === SENTINEL_CID && colVersion !== cl) throw invalidSentinel();
      const change = new DecodedChange(table.name, pk, cid, values.at(at)!);
      change.colVersion = colVersion;
      change.cl = cl;
      change.seq = seqs(place.row, i);
      const version = versions(place.row, place.group);
      if (version !== undefined) change.version = version;
      rows.push(change);
    }
  }
}

/**
 * Why  A class: once some of the objects that a literal made were kept, V8 makes all of that literal in its old space,
 *      where changes that are looked at and dropped would fill the memory.
 */
class DecodedChange implements Change {
  readonly table: string;
  readonly pk: Uint8Array;
  readonly cid: string;
  readonly val: SqlValue;
  colVersion = 0;
  cl = 0;
  seq = 0;
  declare version?: number;

  constructor(table: string, pk: Uint8Array, cid: string, val: SqlValue) {
    this.table = table;
    this.pk = pk;
    this.cid = cid;
    this.val = val;
  }
}

/** The cells of one group that are taken. */
interface GroupCells {
  readonly template: Template;
  readonly table: DecodedTable;
  readonly passed: number[];
  readonly pk: Uint8Array;
  /** Of the group's cells, from where it stands. */
  readonly until: number;
}

/** Keys of one length, and numbers in runs, may take a few bytes of the body and very many here. */
function heldBytesOf({ bytes, tables }: DecodedColumns): number {
  return tables.reduce((sum, { keys, columns }) => {
    const keyBytes = keys.bytes.length + keys.ends.byteLength;
    return sum + keyBytes + columns.reduce((all, column) => all + column.bytes, 0);
  }, bytes);
}

function startOf({ tables }: DecodedColumns): Place {
  const passed = tables.map(({ columns }) => ({ key: 0, cells: new Array<number>(columns.length).fill(0) }));
  return { row: 0, group: 0, cell: 0, tables: passed };
}

function copyOf(place: Place): Place {
  return { ...place, tables: place.tables.map(({ key, cells }) => ({ key, cells: [...cells] })) };
}

function invalidSentinel(): Error {
  return invalidChange("the sentinel '-1' has a colVersion that is not its cl");
}
