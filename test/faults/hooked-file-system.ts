/**
 * A file system that asks before each call: the place where a power cut is timed and a failing disk is played.
 */
import type { FileHandle, FileSystem } from '../../src/sqlite/wasm/file-system.ts';
import type { MemoryFileSystem } from '../../src/sqlite/wasm/memory-file-system.ts';

export type DiskCall =
  | 'open'
  | 'read'
  | 'write'
  | 'truncate'
  | 'size'
  | 'sync'
  | 'size-of'
  | 'remove'
  | 'sync-directory';

/** What is about to happen; `bytes` of a read or write. */
export interface DiskOperation {
  readonly call: DiskCall;
  readonly path: string;
  readonly bytes: number;
}

/** How a call goes instead: it throws, does less than it was asked, or does it and then throws. */
export type DiskFault =
  | { readonly kind: 'throw'; readonly error: Error }
  | { readonly kind: 'short'; readonly bytes: number }
  | { readonly kind: 'throw-after'; readonly error: Error }
  /** A sync that fails, and whose bytes no later sync writes. */
  | { readonly kind: 'lost-sync' };

export type DiskHook = (operation: DiskOperation) => DiskFault | undefined;

/** Whether a call changes what would be found after a cut. */
export function changesDisk({ call }: DiskOperation): boolean {
  return call === 'write' || call === 'truncate' || call === 'sync' || call === 'remove' || call === 'sync-directory';
}

export class HookedFileSystem implements FileSystem {
  readonly #inner: MemoryFileSystem;
  readonly #paths = new Map<FileHandle, string>();
  hook: DiskHook | undefined;

  constructor(inner: MemoryFileSystem) {
    this.#inner = inner;
  }

  open(path: string, options: { readonly create: boolean }): FileHandle {
    const handle = this.#through({ call: 'open', path, bytes: 0 }, () => this.#inner.open(path, options));
    this.#paths.set(handle, path);
    return handle;
  }

  close(handle: FileHandle): void {
    this.#paths.delete(handle);
    this.#inner.close(handle);
  }

  read(handle: FileHandle, target: Uint8Array, offset: number): number {
    const operation = this.#operation('read', handle, target.length);
    return this.#through(operation, (bytes) => this.#inner.read(handle, target.subarray(0, bytes), offset));
  }

  write(handle: FileHandle, source: Uint8Array, offset: number): number {
    const operation = this.#operation('write', handle, source.length);
    return this.#through(operation, (bytes) =>
      bytes === 0 ? 0 : this.#inner.write(handle, source.subarray(0, bytes), offset),
    );
  }

  truncate(handle: FileHandle, size: number): void {
    this.#through(this.#operation('truncate', handle, 0), () => this.#inner.truncate(handle, size));
  }

  size(handle: FileHandle): number {
    return this.#through(this.#operation('size', handle, 0), () => this.#inner.size(handle));
  }

  sync(handle: FileHandle): void {
    const operation = this.#operation('sync', handle, 0);
    this.#through(operation, (_bytes, isLost) => (isLost ? this.#inner.failSync(handle) : this.#inner.sync(handle)));
  }

  sizeOf(path: string): number | undefined {
    return this.#through({ call: 'size-of', path, bytes: 0 }, () => this.#inner.sizeOf(path));
  }

  remove(path: string): void {
    this.#through({ call: 'remove', path, bytes: 0 }, () => this.#inner.remove(path));
  }

  syncDirectory(directory: string): void {
    this.#through({ call: 'sync-directory', path: directory, bytes: 0 }, () => this.#inner.syncDirectory(directory));
  }

  canonicalPath(path: string): string {
    return this.#inner.canonicalPath(path);
  }

  directoryOf(path: string): string {
    return this.#inner.directoryOf(path);
  }

  #operation(call: DiskCall, handle: FileHandle, bytes: number): DiskOperation {
    return { call, path: this.#paths.get(handle) ?? '', bytes };
  }

  #through<T>(operation: DiskOperation, run: (bytes: number, isLost: boolean) => T): T {
    const fault = this.hook?.(operation);
    if (fault === undefined) return run(operation.bytes, false);
    if (fault.kind === 'throw') throw fault.error;
    if (fault.kind === 'lost-sync') return run(operation.bytes, true);
    if (fault.kind === 'short') return run(Math.min(fault.bytes, operation.bytes), false);
    run(operation.bytes, false);
    throw fault.error;
  }
}
