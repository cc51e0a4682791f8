/** A real server in front of a relay that passes everything on, but breaks or damages what it sends of images. */
import { createServer, request } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';

/** What happens to the answer with an image: cut off after so many bytes, or one byte of it changed. */
export interface Break {
  readonly cutAfter?: number;
  readonly damagedByte?: number;
  /** The connection stays until the first `bytes` of the whole image are where they should go. */
  readonly arrived?: (bytes: number) => Promise<void>;
}

export interface BreakingProxy {
  readonly url: string;
  /** The Range header of each request for an image, '' for none. */
  readonly ranges: string[];
  /** Bytes of images that were passed on. */
  readonly imageBytes: () => number;
  close(): Promise<void>;
}

/** `next` is asked at each request for an image. */
export async function startProxy(relayUrl: string, next: () => Promise<Break> | Break): Promise<BreakingProxy> {
  const target = new URL(relayUrl);
  const ranges: string[] = [];
  let imageBytes = 0;
  const passOn = async (message: IncomingMessage, answer: ServerResponse): Promise<void> => {
    const isImage = message.method === 'GET' && message.url?.endsWith('/image') === true;
    if (isImage) ranges.push(message.headers.range ?? '');
    const damage = isImage ? await next() : {};
    const { hostname, port } = target;
    const onward = request({ hostname, port, path: message.url, method: message.method, headers: message.headers });
    onward.on('response', (response) => {
      answer.writeHead(response.statusCode ?? 500, response.headers);
      let sent = 0;
      response.on('data', (piece: Buffer) => {
        const { cutAfter = Infinity, damagedByte = -1 } = damage;
        const at = damagedByte - sent;
        if (at >= 0 && at < piece.length) piece[at]! ^= 1;
        const part = piece.subarray(0, Math.max(0, Math.min(piece.length, cutAfter - sent)));
        sent += piece.length;
        if (isImage) imageBytes += part.length;
        if (part.length > 0) answer.write(part);
        if (sent <= cutAfter) return;
        response.destroy();
        void damage.arrived?.(firstByteOf(message) + cutAfter).then(() => answer.destroy());
      });
      response.on('end', () => answer.end());
      response.on('error', () => answer.destroy());
    });
    onward.on('error', () => answer.destroy());
    message.pipe(onward);
  };
  const server = createServer((message, answer) => void passOn(message, answer));
  server.on('upgrade', (message, socket, head) => {
    const onward = connect(Number(target.port), target.hostname, () => {
      const headers = message.rawHeaders.flatMap((name, i, all) => (i % 2 === 0 ? [`${name}: ${all[i + 1]}`] : []));
      onward.write(`${message.method} ${message.url} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`);
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ranges,
    imageBytes: () => imageBytes,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function firstByteOf({ headers }: IncomingMessage): number {
  return Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
}
