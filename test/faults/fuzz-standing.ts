/**
 * Attacks that stand still or never end: connections without a word, messages without their last chunk, pages that
 * nobody reads; and a server that answers a first sync with damage.
 *
 * A connection that is gone without a FIN cannot be made on loopback; for the relay it is one that stands still.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ErrorCode } from '../../src/core/errors.ts';
import { isReplicationError } from '../../src/core/errors.ts';
import { downloadImage } from '../../src/transport/image-download.ts';
import { NodeImageFile } from '../../src/transport/node-image-file.ts';
import type { Random } from '../simulation/random.ts';
import type { LiveRelay, Stranger } from './live-relay.ts';
import { DBID, inTime, LIVE_LIMITS } from './live-relay.ts';
import { mutatedText } from './mutation.ts';
import type { Counts } from './suite.ts';
import { expectThat } from './suite.ts';

interface Scene {
  readonly relay: LiveRelay;
  readonly random: Random;
}

/** Connected and silent, in the middle of an upgrade, and behind it without a hello: others are served meanwhile. */
export async function standing({ relay, random }: Scene): Promise<Counts> {
  const { port } = new URL(relay.served.url);
  const sockets: Socket[] = [];
  for (let i = 0; i < 60; i++) {
    const socket = await connected(Number(port));
    if (random.chance(0.5))
      socket.write(`GET /${DBID} HTTP/1.1\r\nHost: localhost:${port}\r\nUpgrade: websocket\r\nConn`);
    sockets.push(socket);
  }
  const strangers = await Promise.all(Array.from({ length: 20 }, () => relay.socket('leaf')));
  await relay.expectServing();
  const ends = await Promise.all(strangers.map((stranger) => stranger.expectCodedEnd()));
  expectThat(
    ends.every((code) => code === 'HANDSHAKE_TIMEOUT'),
    () => `without a hello they end with ${ends.join(' ')}`,
  );
  for (const socket of sockets) socket.destroy();
  return { connections: sockets.length + strangers.length, [`standing ended: ${ends[0]}`]: ends.length };
}

/** Many links, and of each a message that lacks its last chunk: together they are bounded. */
export async function unfinished({ relay }: Scene): Promise<Counts> {
  const strangers: Stranger[] = [];
  const bytes = new Uint8Array(LIVE_LIMITS.frameBytesMax! - 100);
  const chunks = Math.floor(LIVE_LIMITS.messageBytesMax! / bytes.length) - 1;
  const links = Math.ceil((2 * LIVE_LIMITS.linksBytesMax!) / LIVE_LIMITS.messageBytesMax!);
  for (let k = 0; k < links; k++) {
    const stranger = await relay.socket('leaf');
    await stranger.greet('leaf');
    strangers.push(stranger);
  }
  for (const stranger of strangers) {
    for (let i = 0; i < chunks; i++) stranger.say({ type: 'chunk', transfer: 1, i, n: 10 * chunks, bytes });
  }
  await relay.expectServing();
  const ends = strangers.map(async ({ closed }) => {
    const { reason } = await closed;
    expectThat(reason === 'LIMIT_EXCEEDED', () => reason);
  });
  await inTime(Promise.any(ends), 'the one that holds most ends');
  for (const stranger of strangers) stranger.drop();
  return { connections: links, frames: links * chunks, 'unfinished ended: LIMIT_EXCEEDED': 1 };
}

/** Asks for pages on many connections and reads none. */
export async function unreadPages({ relay }: Scene): Promise<Counts> {
  const { port } = new URL(relay.served.url);
  const { authorization } = relay.headers('leaf');
  const sockets: Socket[] = [];
  for (let i = 0; i < 20; i++) {
    const socket = await connected(Number(port));
    socket.pause();
    socket.write(`GET /${DBID}/changes HTTP/1.1\r\nHost: localhost:${port}\r\nAuthorization: ${authorization}\r\n\r\n`);
    sockets.push(socket);
  }
  await relay.expectServing();
  for (const socket of sockets) socket.destroy();
  return { connections: sockets.length, requests: sockets.length };
}

const IMAGE_CODES: readonly ErrorCode[] = ['IMAGE_REFUSED', 'LINK_LOST', 'UNAVAILABLE', 'NO_DATABASE', 'FORBIDDEN'];

/** A server whose answers about an image are damaged: what is not exactly the image is refused, however it came. */
export async function imageAnswers({ random }: Scene): Promise<Counts> {
  const folder = mkdtempSync(join(tmpdir(), 'crmesh-image-'));
  const image = random.bytes(random.pick([1, 5_000, 200_000]));
  const server = createServer((_message, answer) => answerWithDamage(random, image, answer));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  let whole = 0;
  const tries = 12;
  try {
    for (let i = 0; i < tries; i++) {
      const limits = { imageBytesMax: 1 << 20, silenceMs: 200 };
      const rest = { limits, signal: new AbortController().signal, onProgress: () => undefined };
      const file = await NodeImageFile.open(join(folder, 'image'));
      const transfer = downloadImage({ url: `http://127.0.0.1:${port}/todo`, file, ...rest });
      whole += await inTime(transfer, 'an image').then(() => 1, expectImageRefusal);
      await file.close();
    }
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
  return { 'image answers': tries, 'images taken': whole };
}

function expectImageRefusal(error: unknown): 0 {
  const isCoded = isReplicationError(error) && IMAGE_CODES.includes(error.code);
  expectThat(isCoded, () => `an image ends in ${error instanceof Error ? error.stack : String(error)}`);
  return 0;
}

function answerWithDamage(random: Random, image: Uint8Array, answer: ServerResponse): void {
  const hash = createHash('sha256').update(image).digest('hex');
  const etag = random.chance(0.7) ? `"${hash}"` : headerText(mutatedText(random, `"${hash}"`, 'W/"x"'));
  const length = random.chance(0.7) ? image.length : random.pick([0, 1, 2 ** 40, -1, image.length + 5]);
  const status = random.pick([200, 200, 200, 206, 206, 304, 404, 416, 500, 403]);
  const body = random.chance(0.6) ? image : random.bytes(random.below(image.length + 1));
  try {
    answer.writeHead(status, { etag, 'content-length': String(length), 'content-range': `bytes 0-${length}/*` });
    answer.write(body);
    if (random.chance(0.8)) answer.end();
    else answer.destroy();
  } catch {
    // What Node itself does not send is no answer.
    answer.destroy();
  }
}

function headerText(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '');
}

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}
