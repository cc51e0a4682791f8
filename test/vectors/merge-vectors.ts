/** Change sets, and the tables that they give: merged by the real store on the real engine. */
import type { Part } from '../../src/core/part.ts';
import type { Range } from '../../src/core/range-set.ts';
import { hexFromBytes } from '../../src/core/site-id.ts';
import type { SqlValue } from '../../src/core/sql-value.ts';
import { base64FromBytes } from '../../src/core/base64.ts';
import { sqlValueToJson } from '../../src/wire/json-value.ts';
import type { Store } from '../../src/store/store.ts';
import { inputOf, openTestStore } from '../store/test-store.ts';
import { meaningOf } from '../wire/golden-frames.ts';
import type { MergeScenario } from './merge-scenarios.ts';
import { mergeScenarios } from './merge-scenarios.ts';

export interface MergeVector {
  readonly name: string;
  /** The end is the same whatever the order of the steps, and whatever comes again. */
  readonly anyOrder: boolean;
  readonly schema: string;
  readonly tables: unknown;
  readonly steps: readonly unknown[];
  readonly expected: unknown;
}

export function mergeVectors(): { readonly worlds: readonly MergeVector[] } {
  return { worlds: mergeScenarios.map(vectorOf) };
}

function vectorOf({ name, anyOrder, schema, steps }: MergeScenario): MergeVector {
  const store = openTestStore({ tables: [] });
  try {
    migrate(store, schema);
    const tables = tablesOf(store);
    const told = steps.map((step) => {
      if ('schema' in step) {
        migrate(store, step.schema);
        return { schema: step.schema, tables: tablesOf(store) };
      }
      const input = 'part' in step ? inputOf(step.part) : step.input;
      const { outcome } = store.merge([input]).inputs[0]!;
      return 'part' in step
        ? { part: partMeaning(step.part), outcome }
        : { input: meaningOf({ parts: input.parts, claims: input.claims }), outcome };
    });
    return { name, anyOrder, schema, tables, steps: told, expected: stateOf(store) };
  } finally {
    store.close();
  }
}

/** What a store holds after the parts, for comparisons of orders. */
export function stateAfter(schema: string, parts: readonly Part[]): unknown {
  const store = openTestStore({ tables: [] });
  try {
    migrate(store, schema);
    for (const part of parts) store.merge([inputOf(part)]);
    return stateOf(store);
  } finally {
    store.close();
  }
}

function migrate(store: Store, schema: string): void {
  const { outcome, steps } = store.migrate(schema);
  if (outcome === 'refused') throw new Error(`the schema of a vector was refused: ${JSON.stringify(steps)}`);
}

function partMeaning({ claims, ...body }: Part): unknown {
  return { ...(meaningOf(body) as object), claims };
}

/** Tables as the merge needs them: affinities of keys and columns, defaults, NOT NULL. */
export function tablesOf({ connection, schema }: Store): unknown {
  const found = Object.keys(schema.tables).map((name) => {
    const columns = connection
      .prepare(`SELECT name, type, pk, "notnull", dflt_value FROM pragma_table_info('${name}') ORDER BY pk, cid`)
      .all()
      .map(([column, type, pk, notNull, fallback]) => {
        const value = fallback === null ? null : connection.prepare(`SELECT ${String(fallback)}`).get()![0]!;
        return { name: column, type, pk, notNull: notNull === 1, default: sqlValueToJson(value) };
      });
    const key = columns.filter(({ pk }) => pk !== 0).map(({ name: column, type }) => ({ name: column, type }));
    const others = columns.filter(({ pk }) => pk === 0);
    return [name, { key, columns: others.map(({ pk: _pk, ...column }) => column) }] as const;
  });
  return Object.fromEntries(found);
}

/** The rows of each replicated table. */
export function rowsOf({ connection, schema }: Store): unknown {
  const tables = Object.keys(schema.tables)
    .sort()
    .map((name) => {
      const rows = connection.prepare(`SELECT * FROM "${name}"`).all();
      return [name, sorted(rows.map((row) => row.map(sqlValueToJson)))] as const;
    });
  return Object.fromEntries(tables);
}

function stateOf(store: Store): unknown {
  const names = Object.keys(store.schema.tables).sort();
  return {
    tables: rowsOf(store),
    clocks: names.flatMap((name) => clocksOf(store, name)),
    have: rangesOf(store, 'crmesh_have'),
    waiting: rangesOf(store, 'crmesh_waiting'),
    parked: parkedOf(store),
  };
}

/**
 * Author, column version and causal length of each cell, and of each deleted row and row of keys alone.
 *
 * Why     The author of a live sentinel beside columns depends on the order of arrival, and nothing depends on it.
 */
function clocksOf({ connection, schema }: Store, table: string): unknown[] {
  const hasColumns = schema.tables[table]!.length > keyCount(connection, table);
  const rows = connection
    .prepare(`SELECT pk, cid, col_version, cl, site_id FROM crsql_changes WHERE "table" = ?`)
    .all([table])
    .filter(([, cid, , cl]) => cid !== '-1' || !hasColumns || Number(cl) % 2 === 0)
    .map(([pk, cid, colVersion, cl, site]) => {
      const [key, author] = [base64FromBytes(pk as Uint8Array), hexFromBytes(site as Uint8Array)];
      return { table, pk: key, cid, colVersion, cl, site: author };
    });
  return sorted(rows);
}

function keyCount(connection: Store['connection'], table: string): number {
  return Number(connection.prepare(`SELECT count(*) FROM pragma_table_info('${table}') WHERE pk > 0`).get()![0]);
}

function rangesOf({ connection }: Store, table: string): unknown {
  const found: Record<string, Range[]> = {};
  const sql = `SELECT s.site, r.lo, r.hi FROM ${table} AS r JOIN crmesh_site AS s ON s.ord = r.site ORDER BY s.site, r.lo`;
  for (const [site, lo, hi] of connection.prepare(sql).all()) {
    (found[hexFromBytes(site as Uint8Array)] ??= []).push([Number(lo), Number(hi)]);
  }
  return found;
}

function parkedOf({ connection }: Store): unknown[] {
  const sql = `SELECT s.site, p.tbl, p.pk, p.cid, p.val, p.col_version, p.cl, p.lo, p.hi
    FROM crmesh_parked AS p JOIN crmesh_site AS s ON s.ord = p.site`;
  const rows = connection.prepare(sql).all();
  return sorted(
    rows.map(([site, table, pk, cid, val, colVersion, cl, lo, hi]) => {
      const change = { table, pk: base64FromBytes(pk as Uint8Array), cid, val: sqlValueToJson(val as SqlValue) };
      return { site: hexFromBytes(site as Uint8Array), ...change, colVersion, cl, span: [lo, hi] };
    }),
  );
}

/** In an order of its own, so that no order of the engine stands in a vector. */
function sorted<T>(items: readonly T[]): T[] {
  return [...items].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}
