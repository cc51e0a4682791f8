/** The disk in memory behaves as a disk: also when it loses power or runs full. */
import { describe, expect, test } from 'vitest';
import { MemoryFileSystem } from '../../../src/sqlite/wasm/memory-file-system.ts';
import { codeOf } from '../../contract/database.contract.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const create = (disk: MemoryFileSystem, path: string): number => disk.open(path, { create: true });

function contentOf(disk: MemoryFileSystem, path: string): number[] {
  const target = new Uint8Array(disk.sizeOf(path) ?? 0);
  disk.read(disk.open(path, { create: false }), target, 0);
  return [...target];
}

describe('memory file system', () => {
  test('a write beyond the end fills the hole with zeros, also after a truncation', () => {
    const disk = new MemoryFileSystem();
    const file = create(disk, '/a');
    disk.write(file, bytes(1, 2, 3, 4), 0);
    disk.truncate(file, 1);
    disk.write(file, bytes(9), 3);
    expect(contentOf(disk, '/a')).toEqual([1, 0, 0, 9]);
    expect(disk.size(file)).toBe(4);
  });

  test('a read answers what is there and nothing beyond', () => {
    const disk = new MemoryFileSystem();
    const file = create(disk, '/a');
    disk.write(file, bytes(1, 2, 3), 0);
    const target = bytes(7, 7, 7, 7);
    expect(disk.read(file, target, 2)).toBe(1);
    expect([...target]).toEqual([3, 7, 7, 7]);
    expect(disk.read(file, target, 10)).toBe(0);
  });

  test('loss of power keeps synced bytes under synced names only', () => {
    const disk = new MemoryFileSystem();
    const [named, unnamed] = [create(disk, '/named'), create(disk, '/unnamed')];
    disk.write(named, bytes(1, 1), 0);
    for (const file of [named, unnamed]) disk.sync(file);
    disk.remove('/unnamed');
    disk.syncDirectory('/');
    create(disk, '/unnamed');
    disk.write(named, bytes(2, 2, 2), 0);
    disk.powerLoss();
    expect(contentOf(disk, '/named')).toEqual([1, 1]);
    expect(disk.sizeOf('/unnamed')).toBeUndefined();
  });

  test('a removed name comes back if its removal was not synced', () => {
    const disk = new MemoryFileSystem();
    disk.sync(create(disk, '/a'));
    disk.syncDirectory('/');
    disk.remove('/a');
    disk.powerLoss();
    expect(disk.sizeOf('/a')).toBe(0);
  });

  test('unsynced sectors survive one by one, as they are told', () => {
    const disk = new MemoryFileSystem();
    const file = create(disk, '/a');
    disk.write(file, new Uint8Array(1_536), 0);
    disk.sync(file);
    disk.syncDirectory('/');
    disk.write(file, new Uint8Array(1_036).fill(1), 500);
    const answers = [true, false, true];
    disk.powerLoss(() => answers.shift() ?? false);
    const content = contentOf(disk, '/a');
    expect(
      [content.slice(0, 500), content.slice(500, 512), content.slice(512, 1_024), content.slice(1_024)].map((part) => [
        ...new Set(part),
      ]),
    ).toEqual([[0], [1], [0], [1]]);
  });

  test('handles die with the power, the process and a restore', () => {
    const disk = new MemoryFileSystem();
    const snapshot = disk.snapshot();
    for (const end of [() => disk.powerLoss(), () => disk.processEnd(), () => disk.restore(snapshot)]) {
      const file = create(disk, '/a');
      end();
      expect(codeOf(() => disk.write(file, bytes(1), 0))).toBe('STORAGE_FAILED');
      disk.close(file);
    }
  });

  test('a snapshot is not changed by what happens after it', () => {
    const disk = new MemoryFileSystem();
    const file = create(disk, '/a');
    disk.write(file, bytes(1), 0);
    const snapshot = disk.snapshot();
    disk.write(file, bytes(2), 0);
    disk.sync(file);
    disk.restore(snapshot);
    disk.write(disk.open('/a', { create: false }), bytes(3), 0);
    disk.restore(snapshot);
    expect(contentOf(disk, '/a')).toEqual([1]);
  });

  test('a full disk refuses growth and still takes writes inside a file', () => {
    const disk = new MemoryFileSystem();
    const file = create(disk, '/a');
    disk.write(file, bytes(1, 2, 3), 0);
    disk.capacityBytes = 3;
    expect(codeOf(() => disk.write(file, bytes(4), 3))).toBe('STORAGE_FULL');
    disk.write(file, bytes(9), 1);
    expect(contentOf(disk, '/a')).toEqual([1, 9, 3]);
  });

  test('a file that is not there opens only to be made', () => {
    expect(codeOf(() => new MemoryFileSystem().open('/a', { create: false }))).toBe('STORAGE_FAILED');
  });
});
