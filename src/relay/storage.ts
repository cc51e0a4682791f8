/** Where a relay keeps its databases: a folder of files (the door crmesh/relay), or anything that gives replicas. */
import type { Cursor } from '../core/cursor.ts';
import type { SiteId } from '../core/site-id.ts';
import type { ReplicaPort } from '../replica/replica-port.ts';

export interface Storage {
  /** Opens the database, new and empty where it is not there. The directory calls it once at a time for a dbid. */
  open(dbid: string): Promise<ReplicaPort>;
  exists(dbid: string): Promise<boolean>;
  list(): Promise<readonly string[]>;
  /** Takes away what open() made when the schema was refused; called after the replica was closed. */
  remove?(dbid: string): Promise<void>;
  /** Makes an image of an open database, as it is now; once at a time for a dbid. Absent where there are none. */
  makeImage?(replica: ReplicaPort): Promise<DatabaseImage>;
  /** Opens a new database that nobody finds. Absent where there are none. */
  openScratch?(): Promise<ScratchDatabase>;
}

export interface ScratchDatabase {
  readonly replica: ReplicaPort;
  /** Closes it and takes it away. */
  remove(): Promise<void>;
}

/** A compressed image of a database (session rule R15), kept until remove(). */
export interface DatabaseImage {
  /** The store that it was made of, and up to where. */
  readonly site: SiteId;
  readonly cursor: Cursor;
  readonly schemaHash: string;
  /** Changes in it. */
  readonly changes: number;
  readonly bytes: number;
  /** SHA-256 of the bytes, 64 hex digits. */
  readonly hash: string;
  /** Bytes [from, to). */
  read(from: number, to: number): ReadableStream<Uint8Array>;
  /** Readers that have begun go on. */
  remove(): void;
}
