/**
 * Where the mirror's images are saved: one IndexedDB database, whole pages, one transaction a save.
 *
 * Law    a save is kept whole or not at all, and only over the generation that the saver last saw: a second writer
 *        is found out. A load answers the files as one save left them, or DATABASE_CORRUPT.
 * Errors  STORAGE_FULL when the browser's quota is used up; STORAGE_FAILED for anything else it says; FILE_LOCKED when
 *         another writer saved in between.
 */
import { ReplicationError } from '../../core/errors.ts';
import type { Digest } from './mirror-digest.ts';
import { combineDigests, digestOfPage, NO_DIGEST } from './mirror-digest.ts';
import { PAGE_BYTES } from './mirror-file.ts';
import { noRoom } from './no-room.ts';

const FORMAT = 1;
/** Pages read in one request: 8 MiB. */
const PAGES_PER_READ = 2048;

export interface SavedFile {
  readonly size: number;
  readonly pages: readonly (readonly [number, Uint8Array])[];
}

/** What is stored beside the pages of one file. */
interface FileRecord {
  readonly size: number;
  readonly digest: Digest;
}

interface Header {
  readonly format: number;
  readonly generation: number;
}

/** One file's part of a save; undefined = the file is removed. */
export interface FileSave {
  readonly size: number;
  readonly digest: Digest;
  readonly bytesByPage: ReadonlyMap<number, Uint8Array>;
}

export class MirrorStorage {
  readonly #database: IDBDatabase;
  readonly #name: string;
  #generation = 0;

  constructor(database: IDBDatabase, name: string) {
    this.#database = database;
    this.#name = name;
    database.onversionchange = () => database.close();
  }

  /** Undefined where this browser has no IndexedDB for its pages. */
  static open(name: string): Promise<MirrorStorage | undefined> {
    return opened(name, ({ result }) => {
      result.createObjectStore('header');
      result.createObjectStore('files');
      result.createObjectStore('pages');
    });
  }

  /** Undefined also where nothing was ever saved under this name; nothing is made there. */
  static async openExisting(name: string): Promise<MirrorStorage | undefined> {
    let isNew = false;
    try {
      return await opened(name, ({ transaction }) => {
        isNew = true;
        transaction?.abort();
      });
    } catch (error) {
      if (isNew) return undefined;
      throw error;
    }
  }

  /** Every file, checked against its digest. */
  async load(): Promise<Map<string, SavedFile>> {
    const transaction = this.#begin('readonly');
    const header = (await resultOf(transaction.objectStore('header').get('header'))) as Header | undefined;
    this.#generation = header?.generation ?? 0;
    const files = transaction.objectStore('files');
    const [paths, records] = await Promise.all([resultOf(files.getAllKeys()), resultOf(files.getAll())]);
    const loaded = new Map<string, SavedFile>();
    for (const [i, path] of paths.entries()) {
      const record = records[i] as FileRecord;
      loaded.set(String(path), await this.#loadFile(transaction.objectStore('pages'), String(path), record));
    }
    if (header === undefined && loaded.size > 0) throw this.#damaged('its header is missing');
    return loaded;
  }

  /** Saves all files of one moment; undefined = the file is gone. */
  async save(files: ReadonlyMap<string, FileSave | undefined>): Promise<void> {
    const transaction = this.#begin('readwrite');
    const done = completionOf(transaction);
    let taken: ReplicationError | undefined;
    const header = transaction.objectStore('header');
    const request = header.get('header');
    request.onsuccess = () => {
      const stored = (request.result as Header | undefined)?.generation ?? 0;
      if (stored === this.#generation) {
        header.put({ format: FORMAT, generation: stored + 1 } satisfies Header, 'header');
        putFiles(transaction, files);
        return;
      }
      taken = this.#takenOver();
      transaction.abort();
    };
    try {
      await done;
    } catch (error) {
      throw taken ?? storageError(error);
    }
    this.#generation += 1;
  }

  close(): void {
    this.#database.close();
  }

  /** Fails where the connection is closed: the database was removed meanwhile. */
  #begin(mode: IDBTransactionMode): IDBTransaction {
    try {
      return this.#database.transaction(['header', 'files', 'pages'], mode, { durability: 'strict' });
    } catch (error) {
      throw storageError(error);
    }
  }

  async #loadFile(pages: IDBObjectStore, path: string, { size, digest }: FileRecord): Promise<SavedFile> {
    const found: [number, Uint8Array][] = [];
    let sum = NO_DIGEST;
    const count = Math.ceil(size / PAGE_BYTES);
    for (let first = 0; first < count; first += PAGES_PER_READ) {
      const range = IDBKeyRange.bound([path, first], [path, first + PAGES_PER_READ - 1]);
      const [keys, values] = await Promise.all([resultOf(pages.getAllKeys(range)), resultOf(pages.getAll(range))]);
      for (const [i, key] of keys.entries()) {
        const index = (key as [string, number])[1];
        const bytes = values[i] as unknown;
        if (!(bytes instanceof Uint8Array) || bytes.length !== PAGE_BYTES)
          throw this.#damaged(`page ${index} is no page`);
        sum = combineDigests(sum, digestOfPage(index, bytes));
        found.push([index, bytes]);
      }
    }
    const whole = found.length === count && sum[0] === digest[0] && sum[1] === digest[1];
    if (!whole) throw this.#damaged(`${found.length} of ${count} pages are there and their digest does not fit`);
    return { size, pages: found };
  }

  #damaged(what: string): ReplicationError {
    const advice = 'delete this IndexedDB database and open again: what was synced comes back from the peers';
    return new ReplicationError(
      'DATABASE_CORRUPT',
      `the image in IndexedDB ${this.#name} is damaged: ${what}: ${advice}`,
    );
  }

  #takenOver(): ReplicationError {
    const message = `another owner writes to IndexedDB ${this.#name}: close this database and open it again`;
    return new ReplicationError('FILE_LOCKED', message, { pid: null, note: null });
  }
}

/** One that fails is no browser without IndexedDB: what was saved is there, and must not be taken for missing. */
async function opened(name: string, onNew: (request: IDBOpenDBRequest) => void): Promise<MirrorStorage | undefined> {
  if (typeof indexedDB === 'undefined') return undefined;
  try {
    const request = indexedDB.open(name, FORMAT);
    request.onupgradeneeded = () => onNew(request);
    return new MirrorStorage(await resultOf(request), name);
  } catch (error) {
    if (isRefusal(error)) return undefined;
    throw storageError(error);
  }
}

/** Where a site may keep nothing, and in the private windows of some browsers. */
function isRefusal(error: unknown): boolean {
  const said = error instanceof ReplicationError ? error.cause : error;
  return said instanceof DOMException && (said.name === 'SecurityError' || said.name === 'InvalidStateError');
}

function putFiles(transaction: IDBTransaction, files: ReadonlyMap<string, FileSave | undefined>): void {
  const [records, pages] = [transaction.objectStore('files'), transaction.objectStore('pages')];
  for (const [path, file] of files) {
    const count = file === undefined ? 0 : Math.ceil(file.size / PAGE_BYTES);
    pages.delete(IDBKeyRange.bound([path, count], [path, Number.MAX_SAFE_INTEGER]));
    if (file === undefined) {
      records.delete(path);
      continue;
    }
    records.put({ size: file.size, digest: file.digest } satisfies FileRecord, path);
    for (const [index, bytes] of file.bytesByPage) pages.put(bytes, [path, index]);
  }
}

function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(storageError(request.error));
  });
}

function completionOf(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(storageError(transaction.error));
  });
}

/** Browsers name a used-up quota in two ways. */
function storageError(error: unknown): ReplicationError {
  if (error instanceof ReplicationError) return error;
  const [name, message] = error instanceof DOMException ? [error.name, error.message] : ['', String(error)];
  if (name === 'QuotaExceededError' || /quota|disk space/i.test(message)) {
    return noRoom(error);
  }
  return new ReplicationError('STORAGE_FAILED', `IndexedDB failed: ${name} ${message}`, {}, { cause: error });
}
