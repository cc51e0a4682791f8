/** A leaf without a database: greets over a real socket and hands on what comes; many of them fit into a process. */
import { randomBytes } from 'node:crypto';
import { WebSocket } from 'ws';
import type { EraNonce } from '../../src/core/cursor.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { hexFromBytes } from '../../src/core/site-id.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import { nodeCompression } from '../../src/transport/node-compression.ts';
import { ChunkAssembler } from '../../src/wire/chunks.ts';
import { createCodec } from '../../src/wire/codec.ts';
import type { Message } from '../../src/wire/message.ts';
import type { PartBody } from '../../src/core/part.ts';
import type { RangeSet } from '../../src/core/range-set.ts';
import { WIRE_VERSION } from '../../src/wire/wire-version.ts';

const codec = createCodec({ limits: DEFAULT_LIMITS, compression: nodeCompression() });

export interface LightLeaf {
  readonly site: SiteId;
  send(message: Message): void;
  /** Sends own changes as a bare part. */
  sendPart(body: PartBody, claims: RangeSet): void;
  /** From now on nothing is taken from the connection. */
  stopReading(): void;
  close(): void;
}

/** `onMessage` hears every whole message behind the greeting, the welcome included; `bytes` is its size. */
export function lightLeaf(
  options: { readonly url: string; readonly dbid: string; readonly schemaText?: string },
  onMessage: (message: Message, bytes: number, leaf: LightLeaf) => void,
): LightLeaf {
  const socket = new WebSocket(options.url, ['crmesh.v1'], { perMessageDeflate: false });
  const [received, sent] = [codec.forLink(), codec.forLink()];
  const site = randomHex() as SiteId;
  const leaf: LightLeaf = {
    site,
    send: (message) => socket.send(sent.encode(message)),
    sendPart: (body, claims) => socket.send(sent.encode({ type: 'part', blob: codec.blobOf(body), claims })),
    stopReading: () => socket.pause(),
    close: () => socket.close(),
  };
  socket.on('open', () => leaf.send(hello(site, options)));
  const chunks = new ChunkAssembler(DEFAULT_LIMITS.messageBytesMax);
  socket.on('message', (data: Buffer) => {
    const message = received.decode(data);
    const whole = message.type === 'chunk' ? chunks.add(message) : data;
    if (whole !== undefined) onMessage(whole === data ? message : received.decode(whole), whole.length, leaf);
  });
  return leaf;
}

function hello(site: SiteId, { dbid, schemaText }: { readonly dbid: string; readonly schemaText?: string }): Message {
  const identity = {
    wire: WIRE_VERSION,
    session: randomHex(),
    dbid,
    site,
    formerSites: [],
    era: randomHex() as EraNonce,
  };
  const schema = { schemaHash: '', shape: {}, digest: new Map<number, number>() };
  const text = schemaText === undefined ? {} : { schemaText };
  return { type: 'hello', ...identity, ...schema, ...text, mode: 'leaf', mesh: site, capabilities: [], credit: 1e9 };
}

function randomHex(): string {
  return hexFromBytes(randomBytes(16));
}
