/**
 * A leaf without a database in the relay's own process: greets a replica over a port in memory, sends it rows that are
 * made up, and takes what comes. The relay's first caller, before there is any (warm-up.ts).
 */
import type { Change } from '../core/change.ts';
import { emptyCoverage } from '../core/coverage.ts';
import { digestOfCoverage } from '../core/coverage-digest.ts';
import type { EraNonce } from '../core/cursor.ts';
import { codedError, ReplicationError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import { encodePackedKey } from '../core/packed-key.ts';
import { hullOfRanges } from '../core/range-set.ts';
import type { Runtime } from '../core/runtime.ts';
import type { SiteId } from '../core/site-id.ts';
import { hexFromBytes, SITE_ID_BYTES } from '../core/site-id.ts';
import type { SqlValue } from '../core/sql-value.ts';
import type { Grant, ReplicaPort } from '../replica/replica-port.ts';
import type { FramePort } from '../transport/frame-port.ts';
import { memoryPortPair } from '../transport/memory-port.ts';
import type { Codec, LinkCodec } from '../wire/codec-port.ts';
import type { Hello, Message } from '../wire/message.ts';
import { WIRE_VERSION } from '../wire/wire-version.ts';

export const TRIAL_SCHEMA = 'CREATE TABLE trial (id BLOB PRIMARY KEY NOT NULL, title TEXT, done INTEGER, owner TEXT)';

const GRANT: Grant = { read: 'all', write: 'all', schema: false, mode: 'leaf', vouch: false };
/** More than a trial sends. */
const CREDIT_BYTES = 1 << 30;

export interface TrialLeafParts {
  readonly replica: ReplicaPort;
  readonly codec: Codec;
  readonly runtime: Runtime;
  /** The replica's: a connection of another size would not tell it when there is room again. */
  readonly limits: Limits;
}

interface Waiting {
  readonly isOver: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: ReplicationError) => void;
}

export class TrialLeaf {
  readonly #site: SiteId;
  readonly #codec: LinkCodec;
  readonly #port: FramePort;
  #waiting: Waiting[] = [];
  #written = 0;
  #acknowledged = 0;
  #live = false;
  #ended: ReplicationError | undefined;

  constructor({ replica, codec, runtime, limits }: TrialLeafParts) {
    this.#codec = codec.forLink();
    this.#site = hexFromBytes(runtime.randomBytes(SITE_ID_BYTES)) as SiteId;
    const { ports } = memoryPortPair({ schedule: runtime.defer, limits, names: ['trial leaf', 'trial'] });
    this.#port = ports[0];
    this.#port.listen({
      onFrame: (frame) => this.#receive(frame),
      onDrain: () => undefined,
      onClose: (_code, reason) => this.#fail(reason),
    });
    const hello = helloOf(this.#site, replica.dbid, runtime);
    replica.attach(ports[1], { role: 'server', hello, grant: GRANT });
    this.#send({ type: 'pull' });
  }

  /** Resolves when the replica has sent all that it had. Errors  LINK_LOST when the link ended first. */
  live(): Promise<void> {
    return this.#until(() => this.#live);
  }

  /**
   * So many changed rows as one transaction: new ones, or one cell each of those that were written first.
   *
   * Resolves once the replica has acknowledged them. Errors  LINK_LOST when the link ended first.
   */
  write(rows: number, kind: 'new' | 'changed'): Promise<void> {
    const span = [this.#written, this.#written + 1] as const;
    const version = span[1];
    const changes = Array.from({ length: rows }, (_, i) => {
      return kind === 'new' ? newRow(version, i) : [changedCell(version, i)];
    });
    this.#written = version;
    const blob = this.#codec.blobOf({ site: this.#site, span, rows: changes.flat() });
    this.#send({ type: 'part', blob, claims: [span] });
    return this.#until(() => this.#acknowledged >= version);
  }

  #send(message: Message): void {
    this.#port.send(this.#codec.encode(message));
  }

  /** What this relay's limits forbid to read ends the trial, and nothing else. */
  #receive(frame: Uint8Array): void {
    try {
      this.#take(this.#codec.decode(frame));
    } catch (error) {
      const { close, code } = codedError(error);
      this.#port.close(close, code);
      this.#fail(code);
    }
  }

  #take(message: Message): void {
    if (message.type === 'ack') this.#acknowledged = hullOfRanges(message.ack.held)?.[1] ?? 0;
    if (message.type === 'beat') this.#live ||= message.live;
    for (const { resolve } of this.#waiting.filter(({ isOver }) => isOver())) resolve();
    this.#waiting = this.#waiting.filter(({ isOver }) => !isOver());
  }

  #until(isOver: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      if (isOver()) resolve();
      else if (this.#ended !== undefined) reject(this.#ended);
      else this.#waiting.push({ isOver, resolve, reject });
    });
  }

  #fail(reason: string): void {
    const error = new ReplicationError('LINK_LOST', `the trial has ended: ${reason}`);
    this.#ended = error;
    for (const { reject } of this.#waiting) reject(error);
    this.#waiting = [];
  }
}

function helloOf(site: SiteId, dbid: string, { randomBytes }: Runtime): Hello {
  return {
    type: 'hello',
    wire: WIRE_VERSION,
    session: hexFromBytes(randomBytes(SITE_ID_BYTES)),
    dbid,
    site,
    formerSites: [],
    era: hexFromBytes(randomBytes(SITE_ID_BYTES)) as EraNonce,
    schemaHash: '',
    shape: {},
    mode: 'leaf',
    mesh: site,
    digest: digestOfCoverage(emptyCoverage),
    capabilities: [],
    credit: CREDIT_BYTES,
  };
}

/** Without a sentinel, as the engine tells of rows that have columns. */
function newRow(version: number, place: number): Change[] {
  const values: readonly (readonly [string, SqlValue])[] = [
    ['title', `row ${place} of ${version}`],
    ['done', place % 2],
    ['owner', `owner ${place % 10}`],
  ];
  const common = { table: 'trial', pk: keyOf(version, place), colVersion: 1, cl: 1, version };
  return values.map(([cid, val], i) => ({ ...common, cid, val, seq: place * values.length + i }));
}

function changedCell(version: number, place: number): Change {
  const cell = { table: 'trial', pk: keyOf(1, place), cid: 'title', val: `changed in ${version}` };
  return { ...cell, colVersion: version, cl: 1, seq: place, version };
}

function keyOf(version: number, place: number): Uint8Array {
  const id = new DataView(new ArrayBuffer(16));
  id.setUint32(0, version);
  id.setUint32(4, place);
  return encodePackedKey([new Uint8Array(id.buffer)]);
}
