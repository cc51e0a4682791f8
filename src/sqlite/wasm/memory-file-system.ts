/**
 * A FileSystem in memory, with the two ways in which a real one loses things: power and space.
 *
 * What was not synced is lost at powerLoss(), names included; a snapshot brings back the whole disk as it was.
 * After either, handles are dead: a connection that had them gets STORAGE_FAILED and is to be closed.
 */
import { ReplicationError } from '../../core/errors.ts';
import type { FileHandle, FileSystem } from './file-system.ts';
import { MemoryFile } from './memory-file.ts';

/** A whole disk at one moment; restored as often as wanted. */
export interface DiskSnapshot {
  readonly live: ReadonlyMap<string, MemoryFile>;
  readonly durable: ReadonlyMap<string, MemoryFile>;
}

export class MemoryFileSystem implements FileSystem {
  /** Bytes that all files together may have; a write beyond is refused as on a full disk. */
  capacityBytes: number = Infinity;

  /** Names as they are seen, and as they would be found after a loss of power. */
  #live = new Map<string, MemoryFile>();
  #durable = new Map<string, MemoryFile>();
  #handles = new Map<FileHandle, MemoryFile>();
  #lastHandle = 0;

  snapshot(): DiskSnapshot {
    return copyOf({ live: this.#live, durable: this.#durable });
  }

  restore(snapshot: DiskSnapshot): void {
    const { live, durable } = copyOf(snapshot);
    this.#become(new Map(live), new Map(durable));
  }

  /** Loses what was not synced; `survives` is asked, sector by sector and name by name, what stays all the same. */
  powerLoss(survives: () => boolean = () => false): void {
    const names = new Map(this.#durable);
    for (const [path, file] of this.#live) if (names.get(path) !== file && survives()) names.set(path, file);
    for (const path of this.#durable.keys()) if (!this.#live.has(path) && survives()) names.delete(path);
    const files = new Map<string, MemoryFile>();
    for (const [path, file] of names) files.set(path, file.afterPowerLoss(survives));
    this.#become(files, new Map(files));
  }

  /** Ends the process only: everything written stays, every handle dies. */
  processEnd(): void {
    this.#handles.clear();
  }

  open(path: string, options: { readonly create: boolean }): FileHandle {
    let file = this.#live.get(path);
    if (file === undefined) {
      if (!options.create) throw new ReplicationError('STORAGE_FAILED', `there is no file ${path}`);
      file = new MemoryFile();
      this.#live.set(path, file);
    }
    this.#lastHandle += 1;
    this.#handles.set(this.#lastHandle, file);
    return this.#lastHandle;
  }

  close(handle: FileHandle): void {
    this.#handles.delete(handle);
  }

  read(handle: FileHandle, target: Uint8Array, offset: number): number {
    return this.#file(handle).read(target, offset);
  }

  write(handle: FileHandle, source: Uint8Array, offset: number): number {
    const file = this.#file(handle);
    const growth = Math.max(0, offset + source.length - file.size);
    if (growth > 0 && this.capacityBytes !== Infinity && this.#usedBytes() + growth > this.capacityBytes) {
      throw new ReplicationError('STORAGE_FULL', 'the memory disk is full: raise capacityBytes');
    }
    file.write(source, offset);
    return source.length;
  }

  truncate(handle: FileHandle, size: number): void {
    this.#file(handle).truncate(size);
  }

  size(handle: FileHandle): number {
    return this.#file(handle).size;
  }

  sync(handle: FileHandle): void {
    this.#file(handle).sync();
  }

  /** A sync that fails as some systems do: the writes before it count as written, and only new ones are synced. */
  failSync(handle: FileHandle): never {
    this.#file(handle).failSync();
    throw new ReplicationError('STORAGE_FAILED', 'the disk could not be synced: check it');
  }

  sizeOf(path: string): number | undefined {
    return this.#live.get(path)?.size;
  }

  remove(path: string): void {
    this.#live.delete(path);
  }

  syncDirectory(directory: string): void {
    for (const path of this.#durable.keys()) {
      if (this.directoryOf(path) === directory && !this.#live.has(path)) this.#durable.delete(path);
    }
    for (const [path, file] of this.#live) if (this.directoryOf(path) === directory) this.#durable.set(path, file);
  }

  canonicalPath(path: string): string {
    return path.startsWith('/') ? path : `/${path}`;
  }

  directoryOf(path: string): string {
    return path.slice(0, path.lastIndexOf('/') + 1);
  }

  #become(live: Map<string, MemoryFile>, durable: Map<string, MemoryFile>): void {
    this.#handles.clear();
    this.#live = live;
    this.#durable = durable;
  }

  #usedBytes(): number {
    let bytes = 0;
    for (const file of this.#live.values()) bytes += file.size;
    return bytes;
  }

  #file(handle: FileHandle): MemoryFile {
    const file = this.#handles.get(handle);
    if (file !== undefined) return file;
    throw new ReplicationError(
      'STORAGE_FAILED',
      'this file was open before the disk was lost: open the database again',
    );
  }
}

/** A file that stands in both maps stays one file in the copy. */
function copyOf(disk: DiskSnapshot): DiskSnapshot {
  const copies = new Map<MemoryFile, MemoryFile>();
  const copied = (file: MemoryFile): MemoryFile => {
    const copy = copies.get(file) ?? file.copy();
    copies.set(file, copy);
    return copy;
  };
  const mapped = (files: ReadonlyMap<string, MemoryFile>): Map<string, MemoryFile> =>
    new Map([...files].map(([path, file]) => [path, copied(file)]));
  return { live: mapped(disk.live), durable: mapped(disk.durable) };
}
