/** A database file has one owner among all processes, whatever happened to the last one. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { lockFile, lockHolderOf } from '../../src/sqlite/file-lock.ts';
import { holderText, ownHolder } from '../../src/sqlite/lock-holder.ts';
import { codeOf } from '../contract/database.contract.ts';

const folder = mkdtempSync(join(tmpdir(), 'crmesh-lock-'));
const program = join(folder, 'owner.mjs');
const releases: (() => void)[] = [];
const children: ChildProcess[] = [];
let count = 0;

const freshPath = (): string => join(folder, `file-${count++}.db`);
const take = (path: string, note?: string): (() => void) => {
  const release = lockFile(path, note);
  releases.push(release);
  return release;
};
const HOUR_MS = 3_600_000;

/** Starts a process that tries to take the file, says how it went, and stays. */
async function owner(path: string): Promise<{ said: string; child: ChildProcess }> {
  const child = spawn(process.execPath, [program, path], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const [said] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { said, child };
}

async function killed(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

beforeAll(() => {
  buildSync({
    stdin: {
      contents: `import { lockFile } from './src/sqlite/file-lock.ts';
        try { lockFile(process.argv[2], 'a note'); console.log('held'); }
        catch (error) { console.log(error.code ?? String(error)); }
        process.stdin.resume();`,
      resolveDir: fileURLToPath(new URL('../..', import.meta.url)),
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: program,
  });
});
afterEach(async () => {
  for (const release of releases.splice(0)) release();
  for (const child of children.splice(0)) if (child.exitCode === null && child.signalCode === null) await killed(child);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('file lock', () => {
  test('a file is taken once in a process, and again after it was given back', () => {
    const path = freshPath();
    const release = take(path);
    expect(codeOf(() => lockFile(path, undefined))).toBe('FILE_LOCKED');
    release();
    take(path);
  });

  test('two names of one file are one file', () => {
    const path = freshPath();
    writeFileSync(path, '');
    const link = freshPath();
    symlinkSync(path, link);
    take(path);
    expect(codeOf(() => lockFile(link, undefined))).toBe('FILE_LOCKED');
  });

  test('nothing but the lock file lies beside the database, and nothing after release', () => {
    const path = freshPath();
    const release = take(path);
    const beside = (): string[] => readdirSync(folder).filter((name) => join(folder, name).startsWith(path));
    expect(beside().map((name) => join(folder, name))).toEqual([`${path}-lock`]);
    release();
    expect(beside()).toEqual([]);
  });

  test('the error names the process, its note and what to do', () => {
    const path = freshPath();
    take(path, '/tmp/control.sock');
    try {
      lockFile(path, undefined);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({
        code: 'FILE_LOCKED',
        details: { pid: process.pid, note: '/tmp/control.sock' },
        message: expect.stringContaining('close it there'),
      });
    }
    expect(lockHolderOf(path)).toMatchObject({ pid: process.pid, note: '/tmp/control.sock' });
  });

  test('another process is kept out while the owner lives, and gets the file when it was killed', async () => {
    const path = freshPath();
    const first = await owner(path);
    expect(first.said).toBe('held');
    expect(codeOf(() => lockFile(path, undefined))).toBe('FILE_LOCKED');
    expect(lockHolderOf(path)).toMatchObject({ pid: first.child.pid, note: 'a note' });
    await killed(first.child);
    expect(existsSync(`${path}-lock`)).toBe(true);
    expect(lockHolderOf(path)).toBeUndefined();
    take(path);
  });

  test('of six processes that race for the file of a killed one, exactly one gets it', async () => {
    const path = freshPath();
    await killed((await owner(path)).child);
    const racers = await Promise.all(Array.from({ length: 6 }, () => owner(path)));
    expect(racers.map(({ said }) => said).sort()).toEqual([...Array<string>(5).fill('FILE_LOCKED'), 'held']);
  });
});

describe('lock files of others', () => {
  const leave = (holder: Partial<ReturnType<typeof ownHolder>>, ageMs = 0): string => {
    const path = freshPath();
    writeFileSync(`${path}-lock`, holderText({ ...ownHolder(undefined), ...holder }));
    const touched = (Date.now() - ageMs) / 1000;
    utimesSync(`${path}-lock`, touched, touched);
    return path;
  };

  test('a living process holds its lock even where the operating system shares no name with it', () => {
    expect(codeOf(() => take(leave({})))).toBe('FILE_LOCKED');
  });

  test('a pid that was given to a new process holds nothing', () => {
    take(leave({ start: '1' }));
  });

  test('a pid that is not there holds nothing', () => {
    take(leave({ pid: 2 ** 22 + 1 }));
  });

  test('a lock of an earlier boot holds nothing', () => {
    take(leave({ boot: 'an earlier one' }));
  });

  test('a lock of another container holds while it is refreshed', () => {
    expect(codeOf(() => take(leave({ namespace: 'pid:[1]' })))).toBe('FILE_LOCKED');
    take(leave({ namespace: 'pid:[1]' }, HOUR_MS));
  });

  test('a lock file without a record is left alone while it may be in the making', () => {
    const path = freshPath();
    writeFileSync(`${path}-lock`, '');
    expect(codeOf(() => take(path))).toBe('FILE_LOCKED');
    utimesSync(`${path}-lock`, 1, 1);
    take(path);
    const other = freshPath();
    writeFileSync(`${other}-lock`, '{"pid":"x"}');
    utimesSync(`${other}-lock`, 1, 1);
    take(other);
  });

  test('a folder that is not there is an error of the file layer', () => {
    expect(() => lockFile(join(folder, 'nowhere', 'x.db'), undefined)).toThrow(/ENOENT/);
  });
});
