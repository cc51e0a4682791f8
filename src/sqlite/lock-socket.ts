/**
 * A name that the operating system gives to one process and takes back when that process ends, however it ends:
 * an abstract socket on Linux, a named pipe on Windows. Other systems have none.
 */
import { createHash } from 'node:crypto';
import { createServer } from 'node:net';

/** An abstract name of full length: shorter ones are padded by some versions of Node and not by others. */
const ABSTRACT_NAME_BYTES = 108;

export type LockSocket =
  | { readonly outcome: 'held'; readonly release: () => void }
  | { readonly outcome: 'taken' }
  | { readonly outcome: 'none' };

/** Asks for the name of a file, at once and without waiting. */
export function takeLockSocket(canonicalPath: string): LockSocket {
  const name = socketName(canonicalPath);
  if (name === undefined) return { outcome: 'none' };
  const server = createServer((socket) => socket.destroy());
  server.on('error', () => {});
  server.listen({ path: name, exclusive: true });
  server.unref();
  if (!server.listening) return { outcome: 'taken' };
  return { outcome: 'held', release: () => server.close() };
}

function socketName(canonicalPath: string): string | undefined {
  const id = `crmesh-${createHash('sha256').update(canonicalPath).digest('hex')}`;
  if (process.platform === 'linux') return `\0${id}`.padEnd(ABSTRACT_NAME_BYTES, '.');
  if (process.platform === 'win32') return `\\\\.\\pipe\\${id}`;
  return undefined;
}
