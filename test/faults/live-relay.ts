/**
 * A real relay on a port of this machine, strangers that talk to it over real sockets, and an honest client that
 * shows after each attack that the relay still serves.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import type { Limits } from '../../src/core/limits.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { Log } from '../../src/core/runtime.ts';
import type { Database } from '../../src/node-database.ts';
import { open } from '../../src/node.ts';
import { createRelay, serveRelay } from '../../src/relay.ts';
import type { ServedRelay } from '../../src/relay.ts';
import { ERROR_TABLE, isErrorCode } from '../../src/core/errors.ts';
import { nodeCompression } from '../../src/transport/node-compression.ts';
import { createCodec } from '../../src/wire/codec.ts';
import type { Codec } from '../../src/wire/codec-port.ts';
import type { Hello, LinkMode, Message } from '../../src/wire/message.ts';
import { expectThat } from './suite.ts';

export const SCHEMA = 'CREATE TABLE todo (id TEXT PRIMARY KEY NOT NULL, title TEXT, done INTEGER);';
export const DBID = 'todo';
const TOKEN = 'leaf-token';
const PEER_TOKEN = 'peer-token';

/** Small bounds, so that an attack reaches them soon. */
export const LIVE_LIMITS: Partial<Limits> = {
  frameBytesMax: 64 << 10,
  messageBytesMax: 2 << 20,
  bodyBytesMax: 1 << 20,
  bufferedBytesMax: 1 << 20,
  creditBytes: 256 << 10,
  linksBytesMax: 24 << 20,
  connectionsMax: 200,
  connectionsPerAddressMax: 200,
  handshakeMs: 2_000,
  silenceMs: 3_000,
  beatMs: 1_000,
};

/** How long the relay may take to answer while it is attacked. */
const ANSWER_MS_MAX = 20_000;
/** A cursor that cannot be is reported, since a restored file looks the same. */
const ALARMS: ReadonlySet<string> = new Set(['OWN_HISTORY_LOST', 'PEER_LOST_HISTORY']);
/** What the ws package itself says: too big, no utf-8, protocol error; and what a refused text message gets. */
const PACKAGE_CLOSES: ReadonlySet<number> = new Set([1000, 1001, 1002, 1003, 1005, 1006, 1007, 1009]);
const CODED_CLOSES: ReadonlySet<number> = new Set(Object.values(ERROR_TABLE).map(({ close }) => close));

export class LiveRelay {
  readonly served: ServedRelay;
  readonly codec: Codec;
  readonly #dir: string;
  readonly #honest: Database;
  readonly #bugs: string[];
  #rounds = 0;

  private constructor(parts: { served: ServedRelay; dir: string; honest: Database; bugs: string[] }) {
    this.served = parts.served;
    this.#dir = parts.dir;
    this.#honest = parts.honest;
    this.#bugs = parts.bugs;
    this.codec = createCodec({ limits: DEFAULT_LIMITS, compression: nodeCompression() });
  }

  static async start(): Promise<LiveRelay> {
    const dir = mkdtempSync(join(tmpdir(), 'crmesh-fuzz-'));
    const bugs: string[] = [];
    const options = { dir, token: TOKEN, peerToken: PEER_TOKEN, schema: SCHEMA, limits: LIVE_LIMITS };
    const relay = createRelay({ ...options, log: logOfBugs(bugs) });
    const served = await serveRelay(relay, { port: 0 });
    const honest = await open(':memory:', { schema: SCHEMA });
    honest.sync(`${served.url.replace('http', 'ws')}/${DBID}`, { token: TOKEN });
    return new LiveRelay({ served, dir, honest, bugs });
  }

  async close(): Promise<void> {
    await this.#honest.close();
    await this.served.close();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  /** The relay answers, takes a write of an honest client, and has logged no bug. */
  async expectServing(): Promise<void> {
    this.#rounds += 1;
    const health = await inTime(fetch(`${this.served.url}/health`), 'health');
    expectThat(health.status === 200, () => `health says ${health.status}`);
    await this.#honest.exec('INSERT INTO todo VALUES (?, ?, 0)', [`honest ${this.#rounds}`, 'still here']);
    await inTime(this.#honest.flushed({ tier: 'relay' }), 'the honest client is acknowledged');
    expectThat(this.#bugs.length === 0, () => `the relay logged ${this.#bugs.splice(0).slice(0, 3).join('\n')}`);
  }

  /** Lets an honest client write `rows` rows, for those who read slowly. */
  async honestWrites(rows: number, bytes: number): Promise<void> {
    await this.#honest.transaction(async (tx) => {
      for (let i = 0; i < rows; i++) {
        await tx.exec('INSERT INTO todo VALUES (?, ?, 1)', [
          `${this.#rounds} ${i} ${randomBytes(4).toString('hex')}`,
          'x'.repeat(bytes),
        ]);
      }
    });
  }

  headers(mode: LinkMode): Record<string, string> {
    return { authorization: `Bearer ${mode === 'peer' ? PEER_TOKEN : TOKEN}` };
  }

  socket(mode: LinkMode): Promise<Stranger> {
    return Stranger.dial(`${this.served.url.replace('http', 'ws')}/${DBID}`, this.headers(mode), this.codec);
  }
}

/** One connection of somebody who does what he wants. */
export class Stranger {
  readonly socket: WebSocket;
  readonly received: Message[] = [];
  /** Why a frame of the relay could not be read. */
  unreadable: unknown;
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  readonly #codec: Codec;
  readonly site: string = randomBytes(16).toString('hex');
  readonly era: string = randomBytes(16).toString('hex');

  private constructor(socket: WebSocket, codec: Codec) {
    this.socket = socket;
    this.#codec = codec;
    const incoming = codec.forLink();
    this.closed = new Promise((resolve) => {
      socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    socket.on('error', () => undefined);
    socket.on('message', (data) => {
      try {
        this.received.push(incoming.decode(new Uint8Array(data as Buffer)));
      } catch (error) {
        this.unreadable ??= error;
      }
    });
  }

  static dial(url: string, headers: Record<string, string>, codec: Codec): Promise<Stranger> {
    const socket = new WebSocket(url, ['crmesh.v1'], { headers, perMessageDeflate: false });
    const stranger = new Stranger(socket, codec);
    return new Promise((resolve, reject) => {
      socket.once('open', () => resolve(stranger));
      socket.once('error', reject);
    });
  }

  get isOpen(): boolean {
    return this.socket.readyState === WebSocket.OPEN;
  }

  send(bytes: Uint8Array): void {
    if (this.isOpen) this.socket.send(bytes);
  }

  say(message: Message): void {
    this.send(this.#codec.encode(message));
  }

  hello(mode: LinkMode): Hello {
    return {
      ...{ type: 'hello', wire: 1, session: randomBytes(16).toString('hex'), dbid: DBID, mode, mesh: this.site },
      ...{ site: this.site as never, era: this.era as never, formerSites: [], schemaHash: 'ab'.repeat(16) },
      ...{ shape: { todo: ['id', 'title', 'done'] }, digest: new Map(), capabilities: [], credit: 1 << 20 },
      ...(mode === 'leaf' ? { siteKey: randomBytes(32).toString('hex') } : {}),
    };
  }

  /** Waits for the welcome. */
  async greet(mode: LinkMode): Promise<void> {
    this.say(this.hello(mode));
    await inTime(
      this.#until(() => this.received.some(({ type }) => type === 'welcome') || !this.isOpen),
      'welcome',
    );
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
  }

  /** The end that the relay made: a close with a code of ours that an error frame or the reason names. */
  async expectCodedEnd(): Promise<string> {
    const { code, reason } = await inTime(this.closed, 'the relay closes');
    const last = this.received.findLast(({ type }) => type === 'error' || type === 'bye');
    const named = last !== undefined && 'code' in last && isErrorCode(last.code) ? last.code : reason;
    const isCoded = CODED_CLOSES.has(code) && isErrorCode(named);
    expectThat(isCoded || PACKAGE_CLOSES.has(code), () => `closed with ${code} '${named}'`);
    return isErrorCode(named) ? named : String(code);
  }

  /** Leaves without a word. */
  drop(): void {
    this.socket.terminate();
  }
}

export async function inTime<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ANSWER_MS_MAX} ms: ${what}`)), ANSWER_MS_MAX);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** What is logged as an error, or as a bug at any level. */
function logOfBugs(bugs: string[]): Log {
  const bugOnly = (fields: Record<string, unknown>, message: string): void => {
    const code = fields['code'];
    if (isErrorCode(code) && ERROR_TABLE[code].fault === 'bug')
      bugs.push(`${code} ${message} ${stackOf(fields['err'])}`);
  };
  const error = (fields: Record<string, unknown>, message: string): void => {
    const code = fields['code'];
    const isPeers = isErrorCode(code) && ERROR_TABLE[code].fault === 'peer';
    if (!isPeers && !ALARMS.has(String(code))) bugs.push(`${String(code)} ${message} ${stackOf(fields['err'])}`);
  };
  return { debug: bugOnly, info: bugOnly, warn: bugOnly, error };
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  return `${error.stack ?? ''} ${error.cause instanceof Error ? (error.cause.stack ?? '') : ''}`;
}
