/**
 * The schema of one store: its text and shape, and the changes that can be applied in place.
 *
 * Tables, columns and indexes are added, indexes are dropped; everything that would rewrite or drop stored rows is
 * refused with steps. A schema change is one transaction that holds nothing else.
 */
import { isReplicationError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import { addColumnSql, createIndexSql, createTableSql } from '../core/schema-ddl.ts';
import type { ColumnAddition, SchemaDifference } from '../core/schema-difference.ts';
import { schemaDifference, stepsOfDifference } from '../core/schema-difference.ts';
import { parseSchema } from '../core/schema-parser.ts';
import type { OrderedList, SchemaShape, TableShape } from '../core/schema-shape.ts';
import { replicatedTables, shapeHash, shapeSummary, tableOfShape } from '../core/schema-shape.ts';
import type { RefusedStep, SchemaStep } from '../core/schema-step.ts';
import { quotedName } from '../core/sql-tokenizer.ts';
import type { Connection } from '../sqlite/database.ts';
import { guardTriggerSql } from './guard-trigger.ts';
import { readSchemaText, writeSchemaText } from './schema-text.ts';
import { quotedText } from './sql-text.ts';
import type { MigrationResult, Schema } from './store-port.ts';
import { inTransaction } from './transaction.ts';

export interface MigrateOptions {
  /** Only say what would be done. */
  readonly plan?: boolean;
  readonly allowDestructive?: boolean;
}

interface Loaded {
  readonly schema: Schema;
  readonly shape: SchemaShape;
}

export class SchemaStore {
  readonly #connection: Connection;
  readonly #limits: Limits;
  #loaded: Loaded;
  #mustReopen = false;

  constructor(connection: Connection, limits: Limits) {
    this.#connection = connection;
    this.#limits = limits;
    const text = readSchemaText(connection, limits);
    this.#loaded = loadedFrom(text, parseSchema(text, limits).shape);
  }

  get current(): Schema {
    return this.#loaded.schema;
  }

  get shape(): SchemaShape {
    return this.#loaded.shape;
  }

  /** True after a schema change failed: the engine's table infos are stale; close and open the connection again. */
  get mustReopen(): boolean {
    return this.#mustReopen;
  }

  tableInfo(name: string): TableShape | undefined {
    return tableOfShape(this.#loaded.shape, name);
  }

  /**
   * Brings the database to the text; own writes are flushed before by the caller, tables read again after.
   *
   * Shape   'refused' changes nothing at all; with `plan` nothing is changed either way.
   * Errors  those of the disk; a statement that SQLite refuses is a refused step (see mustReopen).
   */
  migrate(text: string, { plan = false }: MigrateOptions = {}): MigrationResult {
    const { schema, shape: from } = this.#loaded;
    if (text === schema.text) return { outcome: 'unchanged', steps: [] };
    const { shape, refused } = parseSchema(text, this.#limits);
    if (refused.length > 0) return { outcome: 'refused', steps: refused };
    const difference = schemaDifference(from, shape);
    const steps = stepsOfDifference(difference);
    if (difference.refused.length > 0) return { outcome: 'refused', steps };
    const outcome = steps.length === 0 ? 'unchanged' : from.tables.length === 0 ? 'created' : 'migrated';
    if (plan) return { outcome, steps };
    const failed = this.#apply(difference, shape, text);
    if (failed !== undefined) return { outcome: 'refused', steps: [...steps, failed] };
    this.#loaded = loadedFrom(text, shape);
    return { outcome, steps };
  }

  #apply(difference: SchemaDifference, shape: SchemaShape, text: string): RefusedStep | undefined {
    let doing: SchemaStep = { action: 'read-schema', table: '' };
    const from = this.#loaded.shape;
    try {
      inTransaction(this.#connection, () => {
        for (const { step, statements } of workOf(difference, from, shape)) {
          doing = step;
          for (const sql of statements) this.#connection.exec(sql);
        }
        writeSchemaText(this.#connection, text);
      });
      return undefined;
    } catch (error) {
      this.#mustReopen = true;
      if (!isReplicationError(error, 'SQL_ERROR')) throw error;
      return { ...doing, refused: true, reason: error.message, instead: 'correct the statement; nothing was changed' };
    }
  }
}

function loadedFrom(text: string, shape: SchemaShape): Loaded {
  return { schema: { text, hash: shapeHash(shape), tables: shapeSummary(shape) }, shape };
}

interface Work {
  readonly step: SchemaStep;
  readonly statements: readonly string[];
}

/** The statements of a change, in their order. */
function workOf(difference: SchemaDifference, from: SchemaShape, to: SchemaShape): Work[] {
  const { indexesDropped, indexesAdded, tablesAdded, columnsAdded } = difference;
  return [
    ...indexesDropped.map(({ name, table }) => ({
      step: { action: 'drop-index', table },
      statements: [`DROP INDEX IF EXISTS ${quotedName(name)}`],
    })),
    ...tablesAdded.map(createTable),
    ...columnsAdded.map(addColumns),
    ...indexesAdded.map((index) => ({
      step: { action: 'create-index', table: index.table },
      statements: [createIndexSql(index)],
    })),
    ...replicatedTables(to).map((table) => ({
      step: { action: 'guard-key', table: table.name },
      statements: [guardTriggerSql(table)],
    })),
    ...to.orderedLists.filter((list) => !hasList(from, list)).map(orderList),
  ];
}

function createTable(table: TableShape): Work {
  const step = { action: 'create-table', table: table.name };
  const create = createTableSql(table);
  return { step, statements: table.local ? [create] : [create, `SELECT crsql_as_crr(${quotedText(table.name)})`] };
}

/** Between begin_alter and commit_alter the engine tracks nothing, and brings its own tables up to date at the end. */
function addColumns({ table, columns }: ColumnAddition): Work {
  const step = { action: 'add-column', table: table.name, column: columns[0]!.name };
  const alterations = columns.map((column) => addColumnSql(table, column));
  if (table.local) return { step, statements: alterations };
  const name = quotedText(table.name);
  return {
    step,
    statements: [`SELECT crsql_begin_alter(${name})`, ...alterations, `SELECT crsql_commit_alter(${name})`],
  };
}

function orderList({ table, args }: OrderedList): Work {
  const step = { action: 'order-list', table };
  return { step, statements: [`SELECT crsql_fract_as_ordered(${args.map(quotedText).join(', ')})`] };
}

function hasList(shape: SchemaShape, { args }: OrderedList): boolean {
  return shape.orderedLists.some((list) => list.args.join('\n') === args.join('\n'));
}
