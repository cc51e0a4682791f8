/**
 * Site ids and their small numbers, twice: ours (crmesh_site, in our own tables) and the engine's ordinals
 * (crsql_site_id, in the clock tables; 0 = this replica).
 *
 * Caches what it reads; a rolled back transaction may have taken numbers back, so forget() follows a rollback.
 */
import { invariant } from '../core/errors.ts';
import type { SiteId } from '../core/site-id.ts';
import { siteIdBytes, siteIdFromBytes } from '../core/site-id.ts';
import type { Connection } from '../sqlite/database.ts';
import { bytesOf, numberOf } from './sql-text.ts';

export class SiteRegistry {
  readonly #connection: Connection;
  readonly #ordBySite = new Map<SiteId, number>();
  readonly #siteByOrd = new Map<number, SiteId>();
  readonly #siteByOrdinal = new Map<number, SiteId>();
  readonly #ordinalBySite = new Map<SiteId, number>();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Our number of a site; a new site gets one, so a transaction must be open. */
  ordOf(site: SiteId): number {
    const known = this.findOrd(site);
    if (known !== undefined) return known;
    this.#connection.prepare('INSERT INTO crmesh_site (site) VALUES (?)').run([siteIdBytes(site)]);
    const ord = this.findOrd(site);
    invariant(ord !== undefined, 'a site was not stored');
    return ord;
  }

  findOrd(site: SiteId): number | undefined {
    const cached = this.#ordBySite.get(site);
    if (cached !== undefined) return cached;
    const row = this.#connection.prepare('SELECT ord FROM crmesh_site WHERE site = ?').get([siteIdBytes(site)]);
    if (row === undefined) return undefined;
    this.#remember(site, numberOf(row[0]));
    return numberOf(row[0]);
  }

  siteOf(ord: number): SiteId {
    const cached = this.#siteByOrd.get(ord);
    if (cached !== undefined) return cached;
    const row = this.#connection.prepare('SELECT site FROM crmesh_site WHERE ord = ?').get([ord]);
    const site = siteIdFromBytes(bytesOf(row?.[0]));
    this.#remember(site, ord);
    return site;
  }

  /** The site behind the engine's ordinal. */
  siteOfOrdinal(ordinal: number): SiteId {
    const cached = this.#siteByOrdinal.get(ordinal);
    if (cached !== undefined) return cached;
    const row = this.#connection.prepare('SELECT site_id FROM crsql_site_id WHERE ordinal = ?').get([ordinal]);
    const site = siteIdFromBytes(bytesOf(row?.[0]));
    this.#siteByOrdinal.set(ordinal, site);
    return site;
  }

  /** The engine's ordinal of a site; undefined when none of its rows ever won here. */
  findOrdinal(site: SiteId): number | undefined {
    const cached = this.#ordinalBySite.get(site);
    if (cached !== undefined) return cached;
    const row = this.#connection
      .prepare('SELECT ordinal FROM crsql_site_id WHERE site_id = ?')
      .get([siteIdBytes(site)]);
    if (row === undefined) return undefined;
    const ordinal = numberOf(row[0]);
    this.#ordinalBySite.set(site, ordinal);
    return ordinal;
  }

  /** The engine's ordinal of a site; a new site gets one, so a transaction must be open. */
  ordinalOf(site: SiteId): number {
    const known = this.findOrdinal(site);
    if (known !== undefined) return known;
    this.#connection.prepare('INSERT INTO crsql_site_id (site_id) VALUES (?)').run([siteIdBytes(site)]);
    const ordinal = this.findOrdinal(site);
    invariant(ordinal !== undefined, 'a site has no ordinal');
    return ordinal;
  }

  forget(): void {
    this.#ordBySite.clear();
    this.#siteByOrd.clear();
    this.#siteByOrdinal.clear();
    this.#ordinalBySite.clear();
  }

  #remember(site: SiteId, ord: number): void {
    this.#ordBySite.set(site, ord);
    this.#siteByOrd.set(ord, site);
  }
}
