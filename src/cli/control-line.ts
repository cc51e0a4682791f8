/** One line of text from a local socket, bounded in length. */
import type { Socket } from 'node:net';
import { ReplicationError } from '../core/errors.ts';

/** A query's whole result is one line. */
export const controlLineBytesMax: number = 256 * 1024 * 1024;

/** Errors  LINK_LOST when the socket ends before a line is whole; TOO_LARGE above the bound. */
export function readLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let bytes = 0;
    const fail = (error: ReplicationError): void => {
      reject(error);
      socket.destroy();
    };
    socket.on('data', (piece) => {
      const end = piece.indexOf(10);
      pieces.push(end < 0 ? piece : piece.subarray(0, end));
      bytes += piece.length;
      if (end >= 0) resolve(Buffer.concat(pieces).toString('utf8'));
      else if (bytes > controlLineBytesMax)
        fail(new ReplicationError('TOO_LARGE', 'the line is too long: add a LIMIT'));
    });
    const lost = (): void => fail(new ReplicationError('LINK_LOST', 'the other process ended before it answered'));
    socket.once('end', lost);
    socket.once('error', lost);
    socket.once('close', lost);
  });
}
