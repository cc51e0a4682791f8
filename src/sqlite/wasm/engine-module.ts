/**
 * The WebAssembly module that holds SQLite 3.44.0 with cr-sqlite 0.16.0: its exports, typed, and its loading on Node.
 *
 * Only the exports named here are used. The package's own JavaScript API is not: it turns integers beyond
 * 32 bits into REAL, cuts text at NUL and makes NULL of empty blobs. A browser takes the types alone from here.
 */
/** An address in the engine's memory; 0 is none. */
export type Pointer = number;

/** What SQLite asks of a file layer; every method answers a result code. */
export interface Vfs {
  readonly name: string;
  xOpen(name: string | null, file: Pointer, flags: number, outFlags: DataView): number;
  xClose(file: Pointer): number;
  xRead(file: Pointer, target: Uint8Array, offset: number): number;
  xWrite(file: Pointer, source: Uint8Array, offset: number): number;
  xTruncate(file: Pointer, size: number): number;
  xSync(file: Pointer, flags: number): number;
  xFileSize(file: Pointer, size: DataView): number;
  xLock(file: Pointer, level: number): number;
  xUnlock(file: Pointer, level: number): number;
  xCheckReservedLock(file: Pointer, out: DataView): number;
  xFileControl(file: Pointer, operation: number, argument: DataView): number;
  xSectorSize(file: Pointer): number;
  xDeviceCharacteristics(file: Pointer): number;
  xDelete(name: string, syncDirectory: number): number;
  xAccess(name: string, flags: number, out: DataView): number;
}

/** The exports in use. 64-bit integers travel as two halves: low as argument or result, high beside it. */
export interface EngineModule {
  /** Replaced whenever the memory grows: never keep it over a call. */
  readonly HEAPU8: Uint8Array;
  readonly HEAPU32: Uint32Array;
  /** The high half of the 64-bit result that was just returned. */
  getTempRet0(): number;

  _sqlite3_malloc(bytes: number): Pointer;
  _sqlite3_free(address: Pointer): void;

  _sqlite3_open_v2(name: Pointer, outDb: Pointer, flags: number, vfs: Pointer): number;
  _sqlite3_close(db: Pointer): number;
  _sqlite3_errmsg(db: Pointer): Pointer;
  _sqlite3_exec(db: Pointer, sql: Pointer, callback: 0, argument: 0, outMessage: 0): number;
  _sqlite3_changes(db: Pointer): number;
  _sqlite3_get_autocommit(db: Pointer): number;
  /** Adds sqrt, power and the other mathematical functions, which this build keeps outside SQLite. */
  _RegisterExtensionFunctions(db: Pointer): void;

  _sqlite3_prepare_v2(db: Pointer, sql: Pointer, bytes: number, outStmt: Pointer, outTail: Pointer): number;
  _sqlite3_step(stmt: Pointer): number;
  _sqlite3_reset(stmt: Pointer): number;
  _sqlite3_clear_bindings(stmt: Pointer): number;
  _sqlite3_finalize(stmt: Pointer): number;

  _sqlite3_bind_parameter_count(stmt: Pointer): number;
  _sqlite3_bind_null(stmt: Pointer, index: number): number;
  _sqlite3_bind_int(stmt: Pointer, index: number, value: number): number;
  _sqlite3_bind_int64(stmt: Pointer, index: number, low: number, high: number): number;
  _sqlite3_bind_double(stmt: Pointer, index: number, value: number): number;
  _sqlite3_bind_text(stmt: Pointer, index: number, text: Pointer, bytes: number, destructor: number): number;
  _sqlite3_bind_blob(stmt: Pointer, index: number, blob: Pointer, bytes: number, destructor: number): number;

  _sqlite3_column_count(stmt: Pointer): number;
  _sqlite3_column_name(stmt: Pointer, column: number): Pointer;
  _sqlite3_column_type(stmt: Pointer, column: number): number;
  _sqlite3_column_bytes(stmt: Pointer, column: number): number;
  _sqlite3_column_int64(stmt: Pointer, column: number): number;
  _sqlite3_column_double(stmt: Pointer, column: number): number;
  _sqlite3_column_text(stmt: Pointer, column: number): Pointer;
  _sqlite3_column_blob(stmt: Pointer, column: number): Pointer;

  /** Attaches the n-th listener ever given to updateHook, so that closed databases leave no listeners behind. */
  _update_hook(db: Pointer, slot: number): void;
  updateHook(db: Pointer, listener: (operation: number, schema: string, table: string, rowid: bigint) => void): void;
  setAuthorizer(
    db: Pointer,
    callback: ((data: unknown, action: number, a: string | null, b: string | null) => number) | undefined,
    data: unknown,
  ): number;
  /** Every `operations` steps of the virtual machine; 0 switches it off. A result other than 0 interrupts. */
  progressHandler(
    db: Pointer,
    operations: number,
    callback: ((data: unknown) => number) | undefined,
    data: unknown,
  ): void;
  registerVFS(vfs: Vfs, makeDefault: boolean): number;
}

/** Reads and compiles the engine beside the installed package; share the result among drivers. */
export async function loadEngineModule(): Promise<WebAssembly.Module> {
  const { createRequire } = await import('node:module');
  const { readFile } = await import('node:fs/promises');
  const path = createRequire(import.meta.url).resolve('@vlcn.io/wa-sqlite/dist/crsqlite-sync.wasm');
  return WebAssembly.compile(new Uint8Array(await readFile(path)));
}
