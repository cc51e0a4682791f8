/**
 * The rows of a part body, column by column.
 *
 * Layout: number of groups; tables (name, columns); templates (causal length, table where there are several, columns
 * where they are not all in order); template of each group where there are several; seq and versions in one of their
 * forms; then for each table its keys, and for each of its columns the values and the column versions.
 */
import type { Change } from '../core/change.ts';
import { SENTINEL_CID } from '../core/change.ts';
import type { ChangeRows } from '../core/part.ts';
import type { Range } from '../core/range-set.ts';
import type { SqlValue } from '../core/sql-value.ts';
import { CHANGE_NUMBER_MAX } from '../core/version.ts';
import type { ReadAreas, WriteAreas } from './areas.ts';
import { malformed } from './byte-reader.ts';
import type { ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import { columnFault, tableFault } from '../core/change-fault.ts';
import type { DecodedColumn, DecodedTable } from './column-rows.ts';
import { ColumnRows } from './column-rows.ts';
import type { DecodeBudget } from './decode-budget.ts';
import { invalidChange } from './invalid-change.ts';
import { readKeys, writeKeys } from './key-column.ts';
import { readNumbers, writeNumbers } from './number-column.ts';
import type { GatheredTable, RowGroups, Template } from './row-groups.ts';
import type { Numbering } from './row-numbers.ts';
import { numberingBytes, readSeqs, readVersions, writeSeqs, writeVersions } from './row-numbers.ts';
import { COLUMN_FLAG, columnBytes, readValues, writeValues } from './value-column.ts';

/** What the rows are written with: their groups, and the numbering that was chosen for them. */
export interface RowPlan {
  readonly groups: RowGroups;
  readonly span: Range;
  readonly numbering: Numbering;
}

export function writeRows(areas: WriteAreas, rows: readonly Change[], { groups, span, numbering }: RowPlan): void {
  const { packed } = areas;
  packed.varint(groups.templateOfGroup.length);
  if (rows.length === 0) return;
  writeTables(packed, groups.tables);
  writeTemplates(packed, groups);
  if (groups.templates.length > 1) writeNumbers(packed, groups.templateOfGroup);
  writeSeqs(packed, rows, numbering.seq);
  writeVersions(packed, rows, { starts: groups.starts, span, form: numbering.version });
  for (const table of groups.tables) {
    writeKeys(areas, table.keys);
    for (const { values, colVersions } of table.columns) writeColumn(areas, values, colVersions);
  }
}

/**
 * The changes: an array, or columns still where the message has more than one group merges.
 *
 * Errors  FRAME_MALFORMED, TOO_LARGE, CHANGE_INVALID; bounded by the budget whatever the bytes.
 */
export function readRows(areas: ReadAreas, span: Range, numbering: Numbering, budget: DecodeBudget): ChangeRows {
  const { packed, raw } = areas;
  const bytes = packed.left + raw.left;
  const groupCount = packed.count(budget.limits.partChangesMax, 'groups');
  if (groupCount === 0) return [];
  const heads = readTables(packed);
  const templates = readTemplates(packed, heads);
  const templateOfGroup = templates.length > 1 ? readNumbers(packed, groupCount) : new Uint8Array(groupCount);
  const starts = startsOf(templateOfGroup, templates, budget);
  const seqs = readSeqs(packed, starts, numbering.seq, budget.limits.seqMax);
  const versions = readVersions(packed, { starts, span, form: numbering.version });
  const counts = countsOf(templateOfGroup, templates, heads);
  const tables = heads.map(({ name, cids }, i): DecodedTable => {
    const keys = readKeys(areas, counts[i]!.groups, budget);
    return { name, keys, columns: cids.map((cid, k) => readColumn(areas, cid, counts[i]!.columns[k]!, budget)) };
  });
  const changes = starts[groupCount]!;
  const numbers = numberingBytes(numbering, { changes, groups: groupCount });
  const held = bytes + numbers + starts.byteLength + templateOfGroup.byteLength;
  const rows = new ColumnRows({ templates, templateOfGroup, tables, changes, seqs, versions, bytes: held });
  if (!budget.isLarge) return rows.slice();
  rows.check();
  return rows;
}

interface TableHead {
  readonly name: string;
  readonly cids: readonly string[];
  /** Column numbers from 0: shared by templates that set them all, so that these cost nothing to unfold. */
  readonly all: readonly number[];
}

function writeTables(packed: ByteWriter, tables: readonly GatheredTable[]): void {
  packed.varint(tables.length);
  for (const { name, columns } of tables) {
    packed.text(name);
    packed.varint(columns.length);
    for (const { cid } of columns) packed.text(cid === SENTINEL_CID ? '' : cid);
  }
}

function readTables(packed: ByteReader): TableHead[] {
  const heads: TableHead[] = [];
  const tableCount = packed.count(packed.left, 'tables');
  for (let i = 0; i < tableCount; i++) {
    const name = packed.text();
    const cids: string[] = [];
    const columnCount = packed.count(packed.left, 'columns');
    for (let k = 0; k < columnCount; k++) cids.push(packed.text() || SENTINEL_CID);
    const fault = tableFault(name) ?? cids.map(columnFault).find((one) => one !== undefined);
    if (fault !== undefined) throw invalidChange(fault);
    heads.push({ name, cids, all: [...cids.keys()] });
  }
  return heads;
}

/** 0 cells = every column of the table in its order. */
function writeTemplates(packed: ByteWriter, { tables, templates }: RowGroups): void {
  packed.varint(templates.length);
  for (const { table, cl, columns } of templates) {
    packed.varint(cl);
    if (tables.length > 1) packed.varint(table);
    const isWhole = columns.length === tables[table]!.columns.length && columns.every((column, i) => column === i);
    packed.varint(isWhole ? 0 : columns.length);
    if (!isWhole) for (const column of columns) packed.varint(column);
  }
}

function readTemplates(packed: ByteReader, heads: readonly TableHead[]): Template[] {
  const count = packed.count(packed.left, 'templates');
  const templates: Template[] = [];
  for (let i = 0; i < count; i++) {
    const cl = packed.count(CHANGE_NUMBER_MAX, 'as causal length');
    const table = heads.length > 1 ? packed.varint() : 0;
    const head = heads[table];
    if (head === undefined) throw malformed('a table that is not there');
    const cells = packed.count(packed.left, 'cells');
    const columns = cells === 0 ? head.all : Array.from({ length: cells }, () => packed.varint());
    const cids = cells === 0 ? head.cids : columns.map((column) => cidAt(head, column));
    if (cids.length === 0) throw malformed('a template without cells');
    if (cl === 0) throw invalidChange('cl is 0: it is 1 or more');
    if (cl % 2 === 0 && cids.some((cid) => cid !== SENTINEL_CID)) {
      throw invalidChange('cl is even, and a deleted row has no cells');
    }
    templates.push({ table, cl, columns, cids });
  }
  return templates;
}

function cidAt(head: TableHead, column: number): string {
  const cid = head.cids[column];
  if (cid === undefined) throw malformed('a column that is not there');
  return cid;
}

function startsOf(
  templateOfGroup: Float64Array | Uint8Array,
  templates: readonly Template[],
  budget: DecodeBudget,
): Float64Array {
  const starts = new Float64Array(templateOfGroup.length + 1);
  let count = 0;
  templateOfGroup.forEach((number, group) => {
    const template = templates[number];
    if (template === undefined) throw malformed('a template that is not there');
    count += template.cids.length;
    starts[group + 1] = count;
  });
  budget.takeChanges(count);
  return starts;
}

function countsOf(
  templateOfGroup: Float64Array | Uint8Array,
  templates: readonly Template[],
  heads: readonly TableHead[],
): { groups: number; columns: number[] }[] {
  const groupsOfTemplate = templates.map(() => 0);
  for (const number of templateOfGroup) groupsOfTemplate[number]! += 1;
  const counts = heads.map(({ cids }) => ({ groups: 0, columns: cids.map(() => 0) }));
  templates.forEach(({ table, columns }, number) => {
    counts[table]!.groups += groupsOfTemplate[number]!;
    for (const column of columns) counts[table]!.columns[column]! += groupsOfTemplate[number]!;
  });
  if (counts.some(({ groups, columns }) => groups === 0 || columns.includes(0))) throw malformed('an unused column');
  return counts;
}

/** Column versions follow the values: one for all, or (flagged) one each. */
function writeColumn(areas: WriteAreas, values: readonly SqlValue[], colVersions: readonly number[]): void {
  const first = colVersions[0]!;
  const vary = colVersions.some((version) => version !== first);
  writeValues(areas, values, vary ? COLUMN_FLAG : 0);
  if (vary) writeNumbers(areas.packed, colVersions);
  else areas.packed.varint(first);
}

function readColumn(areas: ReadAreas, cid: string, count: number, budget: DecodeBudget): DecodedColumn {
  const { values, flag } = readValues(areas, count, budget);
  const colVersions = flag ? readNumbers(areas.packed, count) : areas.packed.varint();
  for (const version of typeof colVersions === 'number' ? [colVersions] : colVersions) {
    if (version < 0 || version > CHANGE_NUMBER_MAX)
      throw invalidChange(`colVersion is not a number up to ${CHANGE_NUMBER_MAX}`);
  }
  for (let i = 0; cid === SENTINEL_CID && i < count; i++) {
    if (values.at(i) !== null) throw invalidChange("the sentinel '-1' has a value: send null");
  }
  const numbers = typeof colVersions === 'number' ? 0 : colVersions.byteLength;
  return { values, colVersions, bytes: columnBytes(values, count) + numbers };
}
