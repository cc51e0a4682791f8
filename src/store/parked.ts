/**
 * Parked changes: what this schema cannot store yet, kept durably with its author and span until a migration.
 *
 * While a site has parked changes, claims that meet one of their spans wait (knowledge.ts), so nobody is told that
 * we hold what we cannot show.
 */
import type { Range, RangeSet } from '../core/range-set.ts';
import { rangeSetFromRanges } from '../core/range-set.ts';
import type { SiteId } from '../core/site-id.ts';
import type { SqlValue } from '../core/sql-value.ts';
import type { Change } from '../core/change.ts';
import { bookRows } from './book.ts';
import { ChangeChecker } from './change-check.ts';
import type { Knowledge } from './knowledge.ts';
import { KnowledgeDraft } from './knowledge.ts';
import type { ParkedChange } from './merge-plan.ts';
import { RowMerger } from './merge-row.ts';
import { attemptRow } from './row-savepoint.ts';
import type { StoreContext } from './store-context.ts';
import { bytesOf, numberOf, textOf } from './sql-text.ts';

/** Parks a change; true when it is new. Known again with another span, it keeps what both spans have in common. */
export function parkChange({ connection, sites }: StoreContext, parked: ParkedChange): boolean {
  const { change, span } = parked;
  const ord = sites.ordOf(parked.site);
  const cell = [ord, change.table, change.pk, change.cid, change.cl, change.colVersion, change.val];
  const known = connection
    .prepare(
      `UPDATE crmesh_parked SET lo = max(lo, ?8), hi = min(hi, ?9)
        WHERE site = ?1 AND tbl = ?2 AND pk = ?3 AND cid = ?4 AND cl = ?5 AND col_version = ?6
          AND val IS ?7 AND typeof(val) = typeof(?7)`,
    )
    .run([...cell, span[0], span[1]]);
  if (known > 0) return false;
  connection
    .prepare(
      `INSERT INTO crmesh_parked (site, tbl, pk, cid, cl, col_version, val, lo, hi, seq, reason)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)`,
    )
    .run([...cell, span[0], span[1], change.seq, parked.reason]);
  return true;
}

/** Where parked changes of a site lie, as stored now. */
function parkedSpansOf({ connection, sites }: StoreContext, site: SiteId): RangeSet {
  const ord = sites.findOrd(site);
  if (ord === undefined) return [];
  const rows = connection.prepare('SELECT DISTINCT lo, hi FROM crmesh_parked WHERE site = ?').all([ord]);
  return rangeSetFromRanges(rows.map(([lo, hi]): Range => [numberOf(lo), numberOf(hi)]));
}

/**
 * Applies what the schema can store by now, with the claims that waited for it; inside a transaction.
 *
 * Assumes own writes are announced, as before any merge.
 */
export function applyParked(context: StoreContext, knowledge: Knowledge): Knowledge {
  const { connection, clocks, sites, limits } = context;
  const spans = new Map<SiteId, Range>();
  const draft = new KnowledgeDraft(knowledge);
  for (const { id, parked } of mergeable(context)) {
    spans.set(parked.site, hullOf(spans.get(parked.site), parked.span));
    connection.prepare('DELETE FROM crmesh_parked WHERE id = ?').run([id]);
    draft.parkedChanges -= 1;
  }
  const after = clocks.storedMax();
  for (const [site, span] of spans) {
    if (after > knowledge.storedMax) {
      const window: Range = [knowledge.storedMax, after];
      bookRows(connection, { ord: sites.ordOf(site), window, span }, limits.bookEntriesMax);
    }
    draft.release(site, parkedSpansOf(context, site));
  }
  draft.save(connection, sites);
  connection.prepare('UPDATE crmesh_self SET flushed = ?').run([after]);
  return draft.result(after);
}

/** Merges parked changes one by one and yields those that the engine took. */
function* mergeable(context: StoreContext): Iterable<{ id: number; parked: ParkedChange }> {
  const merger = new RowMerger(context);
  const checker = new ChangeChecker(context);
  for (let last = 0; ;) {
    const rows = context.connection.prepare(SELECT_PARKED).all([last]);
    if (rows.length === 0) return;
    for (const row of rows) {
      const { id, parked } = parkedFromRow(context, row);
      last = id;
      const checked = checker.check(parked.change, parked.span);
      if (checked.verdict === 'discard') yield { id, parked };
      if (checked.verdict !== 'merge') continue;
      const { table, key, change } = checked;
      const attempt = attemptRow(context, merger, { site: parked.site, table, key, change });
      if (attempt.reason === undefined) yield { id, parked };
    }
  }
}

const SELECT_PARKED = `SELECT id, site, lo, hi, tbl, pk, cid, val, col_version, cl, seq, reason
  FROM crmesh_parked WHERE id > ? ORDER BY id LIMIT 1000`;

function parkedFromRow({ sites }: StoreContext, row: readonly SqlValue[]): { id: number; parked: ParkedChange } {
  const [id, ord, lo, hi, table, pk, cid, val, colVersion, cl, seq, reason] = row;
  const change: Change = {
    table: textOf(table),
    pk: bytesOf(pk),
    cid: textOf(cid),
    val: val ?? null,
    colVersion: numberOf(colVersion),
    cl: numberOf(cl),
    seq: numberOf(seq),
  };
  const site = sites.siteOf(numberOf(ord));
  return { id: numberOf(id), parked: { site, span: [numberOf(lo), numberOf(hi)], change, reason: textOf(reason) } };
}

function hullOf(a: Range | undefined, b: Range): Range {
  return a === undefined ? b : [Math.min(a[0], b[0]), Math.max(a[1], b[1])];
}
