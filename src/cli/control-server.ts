/**
 * The local control socket of a process that holds database files: does for others what commands do with a file.
 *
 * Open it before the files, since its address stands in their lock files. Only this user reaches it: the socket lies
 * in a folder of mode 700.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from '../node.ts';
import { ReplicationError } from '../core/errors.ts';
import { bodyOfError, controlRequestFrom, type ControlAnswer, type ControlRequest } from './control-message.ts';
import { readLine } from './control-line.ts';
import { importIntoFile, migrateFile } from './file-changes.ts';
import { backupFile, queryFile, statusOfFile, syncOnce } from './file-operations.ts';

/** The database that this process holds under an absolute path; undefined when it does not hold it. */
export type DatabaseOfFile = (file: string) => Promise<Database | undefined>;

export class ControlServer {
  /** What other processes connect to. */
  readonly address: string;
  readonly #server: Server;
  readonly #folder: string | undefined;
  readonly #sockets = new Set<Socket>();
  #databaseOf: DatabaseOfFile = () => Promise.resolve(undefined);

  private constructor(options: { readonly address: string; readonly folder: string | undefined }) {
    this.address = options.address;
    this.#folder = options.folder;
    this.#server = createServer((socket) => void this.#serve(socket));
  }

  static async listen(): Promise<ControlServer> {
    const onWindows = process.platform === 'win32';
    const folder = onWindows ? undefined : await mkdtemp(join(tmpdir(), 'crmesh-'));
    const address = folder === undefined ? `\\\\.\\pipe\\crmesh-${randomUUID()}` : join(folder, 'control');
    const server = new ControlServer({ address, folder });
    server.#server.listen(address);
    await once(server.#server, 'listening');
    server.#server.unref();
    return server;
  }

  /** From now on requests are answered with these databases. */
  serve(databaseOf: DatabaseOfFile): void {
    this.#databaseOf = databaseOf;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
  }

  async #serve(socket: Socket): Promise<void> {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#sockets.delete(socket));
    const answer = await this.#answer(socket);
    if (!socket.destroyed) socket.end(`${JSON.stringify(answer)}\n`);
  }

  async #answer(socket: Socket): Promise<ControlAnswer> {
    try {
      const request = controlRequestFrom(await readLine(socket));
      const db = await this.#databaseOf(request.file);
      if (db === undefined) {
        throw new ReplicationError('NO_DATABASE', `${request.file} is not open in process ${process.pid}`);
      }
      return { result: await answerTo(request, db) };
    } catch (error) {
      return { error: bodyOfError(error) };
    }
  }
}

async function answerTo(request: ControlRequest, db: Database): Promise<unknown> {
  switch (request.operation) {
    case 'query':
      return await queryFile(db, request.sql);
    case 'status':
      return await statusOfFile(db);
    case 'backup':
      return await backupFile(db, request.out);
    case 'sync':
      return await syncOnce(db, request);
    case 'import':
      return await importIntoFile(db, request);
    case 'migrate':
      return await migrateFile(db, request);
  }
}
