/**
 * The part of better-sqlite3 that is used, typed, and how it and cr-sqlite's extension are found.
 *
 * Both are optional: nothing of crmesh names them at build time, and NATIVE_ABSENT says how to get them.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ReplicationError } from '../../core/errors.ts';

/** A value as the library takes and gives it; integers are bigint in both directions. */
export type NativeValue = null | number | bigint | string | Uint8Array;

export interface NativeStatement {
  /** True if the statement answers rows; only then all, get and iterate may be called, and run may not. */
  readonly reader: boolean;
  run(...parameters: NativeValue[]): { readonly changes: number };
  iterate(...parameters: NativeValue[]): IterableIterator<NativeValue[]>;
  raw(on: boolean): this;
  safeIntegers(on: boolean): this;
  columns(): readonly { readonly name: string }[];
}

export interface NativeDatabase {
  readonly inTransaction: boolean;
  prepare(sql: string): NativeStatement;
  exec(sql: string): void;
  function(
    name: string,
    options: { readonly directOnly: boolean; readonly safeIntegers: boolean },
    callback: (value: NativeValue) => NativeValue,
  ): void;
  loadExtension(path: string): void;
  /** Lets other statements write while one is iterated. */
  unsafeMode(on: boolean): void;
  close(): void;
}

export interface NativeEngine {
  readonly Database: new (path: string) => NativeDatabase;
  /** Path of cr-sqlite's loadable extension. */
  readonly extension: string;
}

/** Finds both parts; NATIVE_ABSENT if one is not there. */
export async function loadNativeEngine(): Promise<NativeEngine> {
  const library = 'better-sqlite3';
  let loaded: { readonly default: NativeEngine['Database'] };
  try {
    loaded = (await import(library)) as typeof loaded;
  } catch (error) {
    throw absent('better-sqlite3 is not installed', error);
  }
  return { Database: loaded.default, extension: extensionPath() };
}

function extensionPath(): string {
  const named = process.env['CRMESH_NATIVE_EXTENSION'];
  if (named !== undefined && named !== '') return named;
  try {
    const require = createRequire(import.meta.url);
    return join(dirname(require.resolve('@vlcn.io/crsqlite/package.json')), 'dist', 'crsqlite');
  } catch (error) {
    throw absent('@vlcn.io/crsqlite is not installed', error);
  }
}

/** NATIVE_ABSENT with what to do about it. */
export function absent(reason: string, cause: unknown): ReplicationError {
  const message =
    `${reason}: install better-sqlite3 and @vlcn.io/crsqlite, or name the extension file in CRMESH_NATIVE_EXTENSION, ` +
    'or use the WebAssembly engine, which needs neither';
  return new ReplicationError('NATIVE_ABSENT', message, {}, { cause });
}
