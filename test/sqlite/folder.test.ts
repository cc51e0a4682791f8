import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isReplicationError } from '../../src/core/errors.ts';
import { makeFolder } from '../../src/sqlite/folder.ts';

function codeOf(path: string): string | undefined {
  try {
    makeFolder(path);
    return undefined;
  } catch (error) {
    return isReplicationError(error) ? error.code : 'not coded';
  }
}

describe('a folder', () => {
  it('is made with those above it, and may be there already', () => {
    const dir = mkdtempSync(join(tmpdir(), 'crmesh-folder-'));
    const deep = join(dir, 'a', 'b', 'c');
    expect([codeOf(deep), codeOf(deep)]).toEqual([undefined, undefined]);
    expect(statSync(deep).isDirectory()).toBe(true);
    rmSync(dir, { recursive: true });
  });

  it('that cannot be made is a coded error, never an endless loop', () => {
    const dir = mkdtempSync(join(tmpdir(), 'crmesh-folder-'));
    writeFileSync(join(dir, 'file'), '');
    expect(codeOf(join(dir, 'file'))).toBe('STORAGE_FAILED');
    expect(codeOf(join(dir, 'file', 'below'))).toBe('STORAGE_FAILED');
    if (process.platform === 'linux') expect(codeOf('/proc/crmesh/below')).toBe('STORAGE_FAILED');
    rmSync(dir, { recursive: true });
  });
});
