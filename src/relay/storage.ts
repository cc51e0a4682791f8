/** Where a relay keeps its databases: a folder of files (the door crmesh/relay), or anything that gives replicas. */
import type { ReplicaPort } from '../replica/replica-port.ts';

export interface Storage {
  /** Opens the database, new and empty where it is not there. The directory calls it once at a time for a dbid. */
  open(dbid: string): Promise<ReplicaPort>;
  exists(dbid: string): Promise<boolean>;
  list(): Promise<readonly string[]>;
  /** Takes away what open() made when the schema was refused; called after the replica was closed. */
  remove?(dbid: string): Promise<void>;
}
