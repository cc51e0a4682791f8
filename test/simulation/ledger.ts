/** What was written and what was promised: kept outside of the replicas, to judge them at the end. */
import type { Change } from '../../src/core/change.ts';
import type { Coverage } from '../../src/core/coverage.ts';
import { emptyCoverage } from '../../src/core/coverage.ts';
import type { RangeSet } from '../../src/core/range-set.ts';
import { rangeSetHas, unionRanges } from '../../src/core/range-set.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import type { OriginVersion } from '../../src/core/version.ts';
import type { Connection } from '../../src/sqlite/database.ts';
import type { Store } from '../../src/store/store.ts';
import { compareValues } from './value-order.ts';

/** One announced own write of a site. */
export interface Written {
  readonly site: SiteId;
  readonly version: number;
  readonly change: Change;
}

export class Ledger {
  written: Written[] = [];
  /** Rows that a relay refused: they legitimately stay on their writer alone. */
  readonly refusedRows: Set<string> = new Set();
  readonly refused: Map<SiteId, RangeSet> = new Map();
  readonly #recordedTo = new Map<SiteId, number>();
  readonly #promises = new Map<string, Map<SiteId, RangeSet>>();

  /** Notes the own writes that a store has announced since the last call. */
  recordOwn({ identity: { site }, announced, connection }: Store): void {
    const from = this.#recordedTo.get(site) ?? 0;
    if (announced <= from) return;
    this.#recordedTo.set(site, announced);
    for (const change of ownChanges(connection, from, announced)) {
      this.written.push({ site, version: change.version, change });
    }
  }

  /** `machine` said that it holds these versions. */
  promise(machine: string, site: SiteId, held: RangeSet): void {
    const bySite = this.#promises.get(machine) ?? new Map<SiteId, RangeSet>();
    bySite.set(site, unionRanges(bySite.get(site) ?? [], held));
    this.#promises.set(machine, bySite);
  }

  /** What a machine said before its file was replaced by another one is void; others may hold it. */
  forgetPromises(machine: string): void {
    this.#promises.delete(machine);
  }

  /**
   * A site's file was set back to when it had announced `kept`: what it wrote later is nowhere, unless it had left the
   * machine. Numbers above `from` are given out, and noted, again.
   */
  setBack(
    site: SiteId,
    { kept, left, from }: { readonly kept: number; readonly left: number; readonly from: number },
  ): void {
    this.written = this.written.filter((one) => one.site !== site || one.version <= Math.max(kept, left));
    this.#recordedTo.set(site, Math.min(this.#recordedTo.get(site) ?? 0, from));
  }

  promisesOf(machine: string): Coverage {
    return this.#promises.get(machine) ?? emptyCoverage;
  }

  isPromised({ site, version }: Written, machines: Iterable<string>): boolean {
    for (const machine of machines) {
      if (rangeSetHas(this.#promises.get(machine)?.get(site) ?? [], version)) return true;
    }
    return false;
  }

  /** The writes that are superseded by no other, of every cell. */
  greatestWrites(): Written[] {
    const causalLengths = new Map<string, number>();
    for (const { change } of this.written) {
      const row = rowKey(change.table, change.pk);
      causalLengths.set(row, Math.max(change.cl, causalLengths.get(row) ?? 0));
    }
    const greatest = new Map<string, Written>();
    for (const one of this.written) {
      const row = rowKey(one.change.table, one.change.pk);
      if (one.change.cl < causalLengths.get(row)!) continue;
      const cell = `${row}/${one.change.cid}`;
      const other = greatest.get(cell);
      if (other === undefined || compareWrites(one, other) > 0) greatest.set(cell, one);
    }
    return [...greatest.values()];
  }

  refuse(site: SiteId, ranges: RangeSet): void {
    if (ranges.length > 0) this.refused.set(site, unionRanges(this.refused.get(site) ?? [], ranges));
  }

  /** All rows of refused versions, once everything is written. */
  settleRefusals(): void {
    for (const { site, version, change } of this.written) {
      if (rangeSetHas(this.refused.get(site) ?? [], version)) this.refusedRows.add(rowKey(change.table, change.pk));
    }
  }
}

/** With plain SQL: asking the store would tell it that they leave. */
function ownChanges(connection: Connection, from: number, to: number): (Change & { version: OriginVersion })[] {
  const rows = connection
    .prepare(
      `SELECT "table", pk, cid, val, col_version, cl, seq, db_version FROM crsql_changes
        WHERE db_version > ? AND db_version <= ? AND site_id = crsql_site_id()`,
    )
    .all([from, to]);
  return rows.map(([table, pk, cid, val, colVersion, cl, seq, version]) => ({
    table: String(table),
    pk: pk as Uint8Array,
    cid: String(cid),
    val: val!,
    colVersion: Number(colVersion),
    cl: Number(cl),
    seq: Number(seq),
    version: Number(version) as OriginVersion,
  }));
}

function compareWrites(a: Written, b: Written): number {
  const byVersion = a.change.colVersion - b.change.colVersion;
  if (byVersion !== 0) return byVersion;
  return compareValues(a.change.val, b.change.val) || (a.site < b.site ? -1 : 1);
}

export function rowKey(table: string, pk: Uint8Array): string {
  return `${table}/${[...pk].join('.')}`;
}
