/**
 * What is measured in one layout: A -> server -> B in processes of their own, the same rows for all.
 *
 * A contender is us, a floor (the least that could do the job) or a peer from npm. It says how each of the three
 * processes does its part; processes, clocks, rows, sockets and figures are the same for all (bench/lib/).
 */
import type { BenchRow } from '../lib/rows.ts';

export interface Contender {
  readonly name: string;
  readonly kind: 'crmesh' | 'floor' | 'peer';
  /** What the server keeps, and where: for the tables. */
  readonly keeps: string;
  /** npm packages with their versions, installed when peers are asked for; none where nothing is needed. */
  readonly packages: readonly string[];
  /** npm runs no scripts of these packages: nothing that is used here is built by them. */
  readonly ignoreScripts?: boolean;
  /** Its subscribers are whole clients with all rows. */
  readonly subscribesWhole?: boolean;
  serve(place: Place): Promise<ContenderServer>;
  open(place: Place): Promise<ContenderClient>;
  /** As light as it can be: no database where the protocol allows that. Resolves when it hears what is live. */
  subscribe(address: string, onStamp: (stamp: string) => void, place: Place): Promise<void>;
}

export interface Place {
  /** A folder of this process alone. */
  readonly dir: string;
  /** Imports a module of the contender's packages. */
  readonly load: (name: string) => Promise<unknown>;
}

export interface ContenderServer {
  readonly url: string;
  /** Rows it has by now; undefined where the client hears from it that they are kept. */
  rows?(): number | Promise<number>;
}

export interface ContenderClient {
  /** Writes new rows here; over the link too, while there is one. */
  write(rows: readonly BenchRow[]): Promise<void>;
  /** Gives the rows another owner. */
  reown(ids: readonly Uint8Array[], owner: string): Promise<void>;
  /** Begins to exchange; resolves when what was here is at the server, as far as this end can tell, with the address for others. */
  connect(address: string): Promise<string>;
  disconnect(): Promise<void>;
  /** Rows that are here, all or of one owner. */
  rows(owner?: string): number | Promise<number>;
  close(): Promise<void>;
}
