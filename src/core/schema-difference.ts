/**
 * What leads from one shape to another: tables, columns and indexes to add, indexes to drop, and refused steps for
 * everything that would rewrite or drop stored rows.
 */
import type { ColumnShape, IndexShape, SchemaShape, TableShape } from './schema-shape.ts';
import { canonicalColumn, isKeyColumn, sameName, tableOfShape } from './schema-shape.ts';
import type { RefusedStep, SchemaStep } from './schema-step.ts';
import { canonicalSql } from './sql-tokenizer.ts';

export interface ColumnAddition {
  /** As it will be. */
  readonly table: TableShape;
  readonly columns: readonly ColumnShape[];
}

export interface SchemaDifference {
  readonly tablesAdded: readonly TableShape[];
  readonly columnsAdded: readonly ColumnAddition[];
  readonly indexesDropped: readonly IndexShape[];
  readonly indexesAdded: readonly IndexShape[];
  readonly refused: readonly RefusedStep[];
}

export function schemaDifference(from: SchemaShape, to: SchemaShape): SchemaDifference {
  const kept = to.tables.flatMap((table) => {
    const old = tableOfShape(from, table.name);
    return old === undefined ? [] : [{ old, table }];
  });
  const additions = kept.map(({ old, table }) => ({ table, columns: columnsAdded(old, table) }));
  const isNew = (table: TableShape): boolean => tableOfShape(from, table.name) === undefined;
  return {
    tablesAdded: to.tables.filter((table) => isNew(table) && !isRename(table, from, to)),
    columnsAdded: additions.filter(({ columns }) => columns.length > 0),
    indexesDropped: from.indexes.filter((index) => !hasIndex(to, index)),
    indexesAdded: to.indexes.filter((index) => !hasIndex(from, index)),
    refused: [...tableRefusals(from, to), ...kept.flatMap(({ old, table }) => refusalsInTable(old, table))],
  };
}

/** The steps in the order they are done, refused ones last. */
export function stepsOfDifference(difference: SchemaDifference): SchemaStep[] {
  return [
    ...difference.indexesDropped.map(({ table }) => ({ action: 'drop-index', table })),
    ...difference.tablesAdded.map(({ name }) => ({ action: 'create-table', table: name })),
    ...difference.columnsAdded.flatMap(({ table, columns }) =>
      columns.map((column) => ({ action: 'add-column', table: table.name, column: column.name })),
    ),
    ...difference.indexesAdded.map(({ table }) => ({ action: 'create-index', table })),
    ...difference.refused,
  ];
}

function columnsAdded(old: TableShape, table: TableShape): ColumnShape[] {
  return table.columns.filter(
    (column) => columnOf(old, column.name) === undefined && !isColumnRename(column, old, table),
  );
}

function columnOf(table: TableShape, name: string): ColumnShape | undefined {
  return table.columns.find((column) => sameName(column.name, name));
}

function isRename(table: TableShape, from: SchemaShape, to: SchemaShape): boolean {
  const old = table.renamedFrom;
  return old !== undefined && tableOfShape(from, old) !== undefined && tableOfShape(to, old) === undefined;
}

function isColumnRename(column: ColumnShape, old: TableShape, table: TableShape): boolean {
  const name = column.renamedFrom;
  return name !== undefined && columnOf(old, name) !== undefined && columnOf(table, name) === undefined;
}

function hasIndex(shape: SchemaShape, wanted: IndexShape): boolean {
  return shape.indexes.some(
    (index) =>
      sameName(index.name, wanted.name) &&
      sameName(index.table, wanted.table) &&
      index.unique === wanted.unique &&
      canonicalSql(index.tail) === canonicalSql(wanted.tail),
  );
}

function tableRefusals(from: SchemaShape, to: SchemaShape): RefusedStep[] {
  const renames = to.tables.filter((table) => isRename(table, from, to));
  const renamed = (name: string): boolean => renames.some((table) => sameName(table.renamedFrom!, name));
  const dropped = from.tables.filter(({ name }) => tableOfShape(to, name) === undefined && !renamed(name));
  return [
    ...renames.map(({ name }) =>
      refusal(['rename-table', name], 'a rename is not applied in place', 'add the new table and copy its rows'),
    ),
    ...dropped.map(({ name }) =>
      refusal(['drop-table', name], 'the table is not in the text, and a drop loses its rows', 'keep it in the text'),
    ),
  ];
}

function refusalsInTable(old: TableShape, table: TableShape): RefusedStep[] {
  const name = table.name;
  if (old.local !== table.local) {
    const reason = `the table ${old.local ? 'was' : 'was not'} marked \`-- local\``;
    return [refusal(['change-table', name], reason, 'create a new table and copy its rows')];
  }
  const refused: RefusedStep[] = [];
  if (old.name !== name) {
    refused.push(refusal(['rename-table', name], `it is called ${old.name}`, `write ${old.name} as it stands`));
  }
  if (!table.local) refused.push(...keyAndCheckRefusals(old, table));
  for (const column of old.columns) refused.push(...columnRefusals(column, old, table));
  if (!table.local) refused.push(...additionRefusals(old, table));
  else if (refused.length === 0) refused.push(...localRefusals(old, table));
  return refused;
}

/** A local table may only grow columns at its end. */
function localRefusals(old: TableShape, table: TableShape): RefusedStep[] {
  const added = columnsAdded(old, table);
  const without = added.reduce(
    (sql, column) => sql.replace(` , ${canonicalSql(column.sql)}`, ''),
    canonicalSql(table.sql),
  );
  if (without === canonicalSql(old.sql)) return [];
  return [refusal(['change-table', table.name], 'its definition changed', 'create a new table and copy its rows')];
}

function keyAndCheckRefusals(old: TableShape, table: TableShape): RefusedStep[] {
  const refused: RefusedStep[] = [];
  if (old.primaryKey.join() !== table.primaryKey.join()) {
    const instead = 'create a new table with the new key and copy its rows';
    refused.push(refusal(['change-key', table.name], 'another primary key makes other rows', instead));
  }
  const checks = (shape: TableShape): string => shape.checks.map(canonicalSql).sort().join('\n');
  if (old.strict !== table.strict || checks(old) !== checks(table)) {
    const reason = 'STRICT or a CHECK of the table changed, which would rewrite the table';
    refused.push(refusal(['change-table', table.name], reason, 'keep it as it was'));
  }
  return refused;
}

function columnRefusals(column: ColumnShape, old: TableShape, table: TableShape): RefusedStep[] {
  const now = columnOf(table, column.name);
  if (now === undefined) return [lostColumn(column, old, table)];
  if (table.local) {
    if (canonicalSql(column.sql) === canonicalSql(now.sql)) return [];
    return [refusal(['change-column', table.name, now.name], 'its definition changed', NEW_COLUMN)];
  }
  const before = canonicalColumn(column, isKeyColumn(old, column));
  const isSame = before === canonicalColumn(now, isKeyColumn(table, now)) && checksOf(column) === checksOf(now);
  if (isSame || isKeyColumn(old, column) !== isKeyColumn(table, now)) return [];
  const reason = 'its type, default, NOT NULL, collation or CHECK changed, which would rewrite stored values';
  return [refusal(['change-column', table.name, now.name], reason, NEW_COLUMN)];
}

const NEW_COLUMN = 'keep it, add a new column and copy the values with UPDATE';

function checksOf(column: ColumnShape): string {
  return column.checks.map(canonicalSql).sort().join('\n');
}

function lostColumn(column: ColumnShape, old: TableShape, table: TableShape): RefusedStep {
  const renamed = table.columns.find(
    (candidate) => isColumnRename(candidate, old, table) && sameName(candidate.renamedFrom!, column.name),
  );
  if (renamed !== undefined) {
    return refusal(['rename-column', table.name, renamed.name], 'a rename is not applied in place', NEW_COLUMN);
  }
  const reason = 'the column is not in the text, and a drop loses its values';
  return refusal(['drop-column', table.name, column.name], reason, 'keep it in the text');
}

/** SQLite fills an added column with one value for all rows. */
function additionRefusals(old: TableShape, table: TableShape): RefusedStep[] {
  return columnsAdded(old, table)
    .filter((column) => column.defaultSql?.startsWith('CURRENT_') === true)
    .map((column) =>
      refusal(
        ['add-column', table.name, column.name],
        'an added column cannot have the current time as DEFAULT: each replica would fill its own',
        'add it without DEFAULT and write the time in the INSERT',
      ),
    );
}

function refusal(
  [action, table, column]: readonly [action: string, table: string, column?: string],
  reason: string,
  instead: string,
): RefusedStep {
  const step = { action, table, refused: true as const, reason, instead };
  return column === undefined ? step : { ...step, column };
}
