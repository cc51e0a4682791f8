/** What the store's functions share while one connection is open. */
import type { Limits } from '../core/limits.ts';
import type { SiteId } from '../core/site-id.ts';
import type { Connection } from '../sqlite/database.ts';
import type { ClockTables } from './clock-tables.ts';
import type { StoreFaults } from './faults.ts';
import type { SiteRegistry } from './site-registry.ts';
import type { ReplicatedTable } from './table-catalog.ts';

export interface StoreContext {
  readonly connection: Connection;
  readonly limits: Limits;
  readonly faults: StoreFaults;
  readonly sites: SiteRegistry;
  readonly clocks: ClockTables;
  /** This replica's own site. */
  readonly site: SiteId;
  /** Whole unknown rows are written directly; the result is the same either way. */
  readonly wholeRows: boolean;
  /** Texts of their statements by what they do: for a single row, making them takes longer than running them. */
  readonly wholeRowTexts: WeakMap<ReplicatedTable, Map<string, string>>;
  /** Whether a table, or a column of it, was dropped here by a migration: its changes are known and discarded. */
  readonly isDropped: (table: string, cid: string) => boolean;
}
