/**
 * The marker: what a replica remembers about itself outside of its database file, so that a copy of the file is told
 * from the file.
 *
 * Assumes a place that a copy of the database file alone does not take along. A copy of both is told by the place,
 * where the place can say so (`foreign`). What no marker can tell (a machine that is set back whole) is left to the
 * conversation with the peers.
 */
import type { EraNonce } from '../core/cursor.ts';
import type { SiteId } from '../core/site-id.ts';

/** What a marker says; `nonces` = the era that was open, and the one before while it was being opened. */
export interface Marker {
  readonly site: SiteId;
  readonly nonces: readonly EraNonce[];
  /** Own versions up to here may have left the replica. */
  readonly announced: number;
  /** Only as read: why the file that lies there now is not the one that this was written for. */
  readonly foreign?: string;
}

/** A durable place outside the database file: a side file, or another storage of the browser. */
export interface IdentityMarker {
  /** Undefined when there is none, or none that can be understood. */
  read(): Marker | undefined;
  /** Durable when it returns. */
  write(marker: Marker): void;
  /** Own versions up to here are about to leave; outlives the process, and the loss of power soon after. */
  announce(announced: number): void;
  /** The database was closed in order. */
  closed(): void;
}

/** What the file itself says. */
export interface StoredIdentity {
  readonly site: SiteId;
  /** Undefined when the file was never opened as a replica. */
  readonly nonce: EraNonce | undefined;
  readonly announced: number;
  /** A marker was written for this file, or for the one that it is a copy of. */
  readonly marked: boolean;
}

/**
 * Why the file is a copy, or an earlier state of the file, in words; undefined when it is what the marker was written for.
 *
 * Why     No marker beside a file that had one means that the file alone was copied; a file that never had one comes
 *         from a time or a program without markers, and keeps its identity.
 */
export function signOfCopy(marker: Marker | undefined, stored: StoredIdentity): string | undefined {
  if (stored.nonce === undefined) return undefined;
  if (marker === undefined) return stored.marked ? 'nothing beside the file says that it is the original' : undefined;
  if (marker.foreign !== undefined) return marker.foreign;
  if (marker.site !== stored.site) return 'what lies beside the file belongs to another replica';
  if (!marker.nonces.includes(stored.nonce)) return 'the file is older than its last opening';
  return marker.announced > stored.announced ? 'the file is older than what it has sent' : undefined;
}
