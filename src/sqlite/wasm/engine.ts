/**
 * One instance of the engine: its memory, its hooks, and whether it may still be used.
 *
 * An exception out of the engine (a trap, an exhausted stack) leaves its memory in an unknown state. The instance
 * is then failed for good: every database in it answers ENGINE_FAILED until it is closed and opened again.
 */
import { isReplicationError, ReplicationError } from '../../core/errors.ts';
import type { EngineModule, Pointer } from './engine-module.ts';
import { ERROR, errorFromResultCode, FULL, INTERRUPT, IOERR, OK } from '../result-code.ts';
import { isFull } from './file-vfs.ts';

const SCRATCH_BYTES = 1 << 16;
const ASCII_LOOP_MAX = 40;

type RowListener = (table: string) => void;

/** cr-sqlite turns whatever stops its own SQL into one general error; the file layer knows better. */
function storageCode(resultCode: number, storageError: unknown): number {
  if ((resultCode & 0xff) !== ERROR) return resultCode;
  return isFull(storageError) ? FULL : IOERR;
}

export class Engine {
  readonly module: EngineModule;
  /** Two pointers that calls with out-parameters write to. */
  readonly out: Pointer;
  /** What a callback threw while the engine ran it; the engine only sees a refusal. */
  callbackError: unknown;
  /** What went wrong below SQLite in the call under way, for the error that SQLite makes of it. */
  storageError: unknown;

  #failed = false;
  readonly #scratch: Pointer;
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  readonly #rowListeners: (RowListener | undefined)[] = [];

  constructor(module: EngineModule) {
    this.module = module;
    this.out = module._sqlite3_malloc(8);
    this.#scratch = module._sqlite3_malloc(SCRATCH_BYTES);
  }

  get failed(): boolean {
    return this.#failed;
  }

  /** The error to throw for what came out of a call; anything but a coded error fails the instance. */
  errorFrom(error: unknown): ReplicationError {
    if (isReplicationError(error)) return error;
    this.#failed = true;
    return this.failure(error);
  }

  failure(cause?: unknown): ReplicationError {
    const message = 'the database engine stopped inside a call: close the database and open it again';
    return new ReplicationError('ENGINE_FAILED', message, {}, cause === undefined ? undefined : { cause });
  }

  /** Throws the error of a result code other than OK; must follow the failed call at once. */
  check(resultCode: number, db: Pointer): void {
    if (resultCode !== OK) throw this.errorOf(resultCode, db);
  }

  errorOf(resultCode: number, db: Pointer): ReplicationError {
    const { callbackError, storageError } = this;
    this.callbackError = undefined;
    this.storageError = undefined;
    if (isReplicationError(callbackError)) return callbackError;
    const message = resultCode === INTERRUPT ? 'the statement ran too long' : this.#message(resultCode, db);
    const cause = callbackError ?? storageError;
    return errorFromResultCode(
      storageError === undefined ? resultCode : storageCode(resultCode, storageError),
      message,
      cause,
    );
  }

  #message(resultCode: number, db: Pointer): string {
    const message = db === 0 ? '' : this.cString(this.module._sqlite3_errmsg(db));
    return message === '' ? `SQLite result code ${resultCode}` : message;
  }

  /** Runs `use` with `text` as UTF-8 in the engine's memory, closed by a NUL that `bytes` does not count. */
  withText<T>(text: string, use: (address: Pointer, bytes: number) => T): T {
    const bytesMax = text.length * 3 + 1;
    const address = bytesMax <= SCRATCH_BYTES ? this.#scratch : this.allocate(bytesMax);
    try {
      const bytes = this.#encode(text, address, bytesMax);
      this.module.HEAPU8[address + bytes] = 0;
      return use(address, bytes);
    } finally {
      if (address !== this.#scratch && !this.#failed) this.module._sqlite3_free(address);
    }
  }

  #encode(text: string, address: Pointer, bytesMax: number): number {
    const heap = this.module.HEAPU8;
    if (text.length <= ASCII_LOOP_MAX) {
      let i = 0;
      for (; i < text.length; i++) {
        const unit = text.charCodeAt(i);
        if (unit > 127) break;
        heap[address + i] = unit;
      }
      if (i === text.length) return i;
    }
    return this.#encoder.encodeInto(text, heap.subarray(address, address + bytesMax)).written;
  }

  /** Runs `use` with a copy of `source` in the engine's memory; the address is never 0, also for no bytes. */
  withBytes<T>(source: Uint8Array, use: (address: Pointer) => T): T {
    const address = source.length <= SCRATCH_BYTES ? this.#scratch : this.allocate(source.length);
    try {
      this.module.HEAPU8.set(source, address);
      return use(address);
    } finally {
      if (address !== this.#scratch && !this.#failed) this.module._sqlite3_free(address);
    }
  }

  allocate(bytes: number): Pointer {
    const address = this.module._sqlite3_malloc(bytes);
    if (address !== 0) return address;
    throw new ReplicationError('ENGINE_FAILED', `no memory for ${bytes} bytes in the engine: write smaller values`);
  }

  text(address: Pointer, bytes: number): string {
    const heap = this.module.HEAPU8;
    if (bytes > ASCII_LOOP_MAX) return this.#decoder.decode(heap.subarray(address, address + bytes));
    let text = '';
    for (let i = address; i < address + bytes; i++) {
      const byte = heap[i]!;
      if (byte > 127) return this.#decoder.decode(heap.subarray(address, address + bytes));
      text += String.fromCharCode(byte);
    }
    return text;
  }

  cString(address: Pointer): string {
    if (address === 0) return '';
    const end = this.module.HEAPU8.indexOf(0, address);
    return this.text(address, end - address);
  }

  /** The pointer that the last call wrote to the first (0) or second (1) out-parameter. */
  outPointer(index: 0 | 1): Pointer {
    return this.module.HEAPU32[(this.out >> 2) + index]!;
  }

  /**
   * Sends the row changes of a database to `listener` and returns a function that ends it.
   *
   * Why     The module keeps every listener it was ever given; a slot is therefore given once and used again.
   */
  listenToRows(db: Pointer, listener: RowListener): () => void {
    const free = this.#rowListeners.indexOf(undefined);
    const slot = free === -1 ? this.#rowListeners.length : free;
    this.#rowListeners[slot] = listener;
    if (free === -1) this.module.updateHook(db, (_operation, _schema, table) => this.#rowListeners[slot]?.(table));
    else this.module._update_hook(db, slot);
    return () => {
      this.#rowListeners[slot] = undefined;
    };
  }
}
