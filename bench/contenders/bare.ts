/**
 * The floor of the wire: a process that keeps frames in memory and passes them on, without a database or a format.
 * Rows go as one frame a thousand, each as the bytes of its values.
 */
import { WebSocket } from 'ws';
import { stampsIn, type BenchRow } from '../lib/rows.ts';
import { webSocketServer } from '../lib/web-socket-server.ts';
import type { Contender, ContenderClient, ContenderServer } from './contender.ts';

const FRAME_ROWS = 1_000;

export const bare: Contender = {
  name: 'bare ws',
  kind: 'floor',
  keeps: 'frames, in memory',
  packages: [],
  serve,
  open: async () => new BareClient(),
  subscribe: (address, onStamp) =>
    new Promise((resolve) => {
      const socket = new WebSocket(address, { perMessageDeflate: false });
      socket.on('open', resolve);
      socket.on('message', (frame: Buffer) => stampsIn(frame).forEach(onStamp));
    }),
};

async function serve(): Promise<ContenderServer> {
  const kept: Buffer[] = [];
  let rows = 0;
  const { server, url } = await webSocketServer();
  server.on('connection', (socket) => {
    for (const frame of kept) socket.send(frame);
    socket.on('message', (frame: Buffer) => {
      kept.push(frame);
      rows += frame.readUInt32LE();
      for (const other of server.clients) if (other !== socket) other.send(frame);
    });
  });
  return { url, rows: () => rows };
}

class BareClient implements ContenderClient {
  readonly #frames: Buffer[] = [];
  #socket: WebSocket | undefined;
  #rows = 0;
  #reowned = 0;

  async write(rows: readonly BenchRow[]): Promise<void> {
    for (let i = 0; i < rows.length; i += FRAME_ROWS) this.#send(frameOf(rows.slice(i, i + FRAME_ROWS)));
  }

  async reown(ids: readonly Uint8Array[], owner: string): Promise<void> {
    this.#send(Buffer.concat([count(0), ...ids.map((id) => Buffer.concat([id, Buffer.from(owner)]))]));
  }

  async connect(address: string): Promise<string> {
    const socket = new WebSocket(address, { perMessageDeflate: false });
    this.#socket = socket;
    socket.on('message', (frame: Buffer) => {
      const rows = frame.readUInt32LE();
      this.#rows += rows;
      if (rows === 0) this.#reowned = Number.POSITIVE_INFINITY;
    });
    await new Promise((resolve) => socket.once('open', resolve));
    for (const frame of this.#frames.splice(0)) socket.send(frame);
    return address;
  }

  async disconnect(): Promise<void> {
    this.#socket?.close();
    this.#socket = undefined;
  }

  rows(owner?: string): number {
    return owner === undefined ? this.#rows : this.#reowned;
  }

  async close(): Promise<void> {
    await this.disconnect();
  }

  #send(frame: Buffer): void {
    this.#rows += frame.readUInt32LE();
    if (this.#socket === undefined) this.#frames.push(frame);
    else this.#socket.send(frame);
  }
}

function frameOf(rows: readonly BenchRow[]): Buffer {
  const bytes = rows.flatMap(({ id, title, done, owner }) => [id, Buffer.from(`${title}${done}${owner}`)]);
  return Buffer.concat([count(rows.length), ...bytes]);
}

function count(rows: number): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(rows);
  return head;
}
