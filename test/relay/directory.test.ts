/** The databases of a relay: one opening each, closed when unused, never half created. */
import { beforeEach, describe, expect, test } from 'vitest';
import { Directory } from '../../src/relay/directory.ts';
import type { HandRuntime, MemoryStorage } from './memory-storage.ts';
import { handRuntime, memoryStorage, silentLog } from './memory-storage.ts';

const SCHEMA = 'CREATE TABLE todo (id INTEGER PRIMARY KEY NOT NULL, title TEXT);';

let storage: MemoryStorage;
let runtime: HandRuntime;
let linked: string[];
beforeEach(async () => {
  storage = await memoryStorage();
  runtime = handRuntime();
  linked = [];
});

function directory(databasesOpenMax = 10, staysOpen = false, databasesMax = 1_000): Directory {
  return new Directory({
    staysOpen,
    storage,
    runtime,
    log: silentLog,
    limits: { databasesMax, databasesOpenMax, databaseIdleMs: 1000 },
    onOpened: ({ dbid }) => {
      linked.push(`+${dbid}`);
      return () => linked.push(`-${dbid}`);
    },
  });
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10));

describe('directory', () => {
  test('opens a database once for any number of callers at the same time', async () => {
    const databases = directory();
    const leases = await Promise.all([1, 2, 3].map(() => databases.leaseOrCreate('todo', SCHEMA)));
    expect(leases.map((lease) => lease.created)).toEqual([true, false, false]);
    expect(new Set(leases.map((lease) => lease.replica)).size).toBe(1);
    const others = await Promise.all([databases.lease('todo'), databases.lease('todo')]);
    expect(others[0].replica).toBe(leases[0]!.replica);
    expect(storage.events).toEqual(['open todo']);
    await databases.close();
  });

  test('makes no more databases than it may have, and goes on with those that are there', async () => {
    const databases = directory(10, false, 2);
    for (const name of ['one', 'two']) (await databases.leaseOrCreate(name, SCHEMA)).release();
    const refused = { code: 'LIMIT_EXCEEDED' };
    await expect(databases.leaseOrCreate('three', SCHEMA)).rejects.toMatchObject(refused);
    await expect(databases.migrate('three', { schema: SCHEMA })).rejects.toMatchObject(refused);
    expect((await databases.leaseOrCreate('two', SCHEMA)).created).toBe(false);
    expect(storage.events).not.toContain('open three');
    await databases.close();
  });

  test('closes what nobody uses, and not what somebody does', async () => {
    const databases = directory();
    const first = await databases.leaseOrCreate('todo', SCHEMA);
    const second = await databases.lease('todo');
    first.release();
    first.release();
    runtime.ring();
    await settled();
    expect(storage.events).toEqual(['open todo']);
    second.release();
    const third = await databases.lease('todo');
    runtime.ring();
    await settled();
    expect(databases.openCount).toBe(1);
    third.release();
    runtime.ring();
    await settled();
    expect(storage.events).toEqual(['open todo', 'close todo']);
    expect(linked).toEqual(['+todo', '-todo']);
    (await databases.lease('todo')).release();
    expect(storage.events.at(-1)).toBe('open todo');
    await databases.close();
  });

  test('makes room by closing the one unused for longest; with all in use it is LIMIT_EXCEEDED', async () => {
    const databases = directory(2);
    const a = await databases.leaseOrCreate('a', SCHEMA);
    const b = await databases.leaseOrCreate('b', SCHEMA);
    await expect(databases.leaseOrCreate('c', SCHEMA)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    b.release();
    a.release();
    const c = await databases.leaseOrCreate('c', SCHEMA);
    expect(storage.events.filter((event) => event.startsWith('close'))).toEqual(['close b']);
    c.release();
    await databases.close();
  });

  test('opens all that is there, as far as there is room, and keeps open what has links of its own', async () => {
    const before = directory();
    for (const dbid of ['a', 'b', 'c']) (await before.leaseOrCreate(dbid, SCHEMA)).release();
    await (await storage.open('0-unfinished')).close();
    await before.close();
    const databases = directory(4, true);
    linked = [];
    await databases.openAll();
    expect(linked.filter((event) => event.startsWith('+'))).toEqual(['+a', '+b', '+c', '+0-unfinished']);
    runtime.ring();
    await settled();
    expect(databases.openCount).toBe(3);
    await databases.close();
    const small = directory(2, true);
    await small.openAll();
    expect(small.openCount).toBe(2);
    (await small.lease('c')).release();
    expect(small.openCount).toBe(2);
    await small.close();
    await small.openAll();
  });

  test('what is not there is NO_DATABASE, also what has no schema', async () => {
    const databases = directory();
    await expect(databases.lease('absent')).rejects.toMatchObject({ code: 'NO_DATABASE' });
    await (await storage.open('empty')).close();
    await expect(databases.lease('empty')).rejects.toMatchObject({ code: 'NO_DATABASE' });
    expect((await databases.leaseOrCreate('empty', SCHEMA)).created).toBe(true);
    await databases.close();
  });

  test('a creation that is refused leaves nothing, and the next one is a creation', async () => {
    const databases = directory();
    await expect(databases.leaseOrCreate('todo', 'CREATE TABLE (')).rejects.toMatchObject({ code: 'SCHEMA_REFUSED' });
    await expect(databases.migrate('todo', { schema: '-- none' })).rejects.toMatchObject({ code: 'SCHEMA_REFUSED' });
    expect(storage.events.filter((event) => event.startsWith('remove'))).toHaveLength(2);
    expect(await databases.migrate('todo', { schema: SCHEMA, plan: true })).toMatchObject({ outcome: 'created' });
    await expect(databases.lease('todo')).rejects.toMatchObject({ code: 'NO_DATABASE' });
    expect(await databases.migrate('todo', { schema: SCHEMA })).toMatchObject({ outcome: 'created' });
    expect(await databases.migrate('todo', { schema: SCHEMA })).toMatchObject({ outcome: 'unchanged' });
    await databases.close();
  });

  test('names that differ in case only are one name', async () => {
    const databases = directory();
    await databases.leaseOrCreate('Todo', SCHEMA);
    await expect(databases.leaseOrCreate('todo', SCHEMA)).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    await expect(databases.lease('TODO')).rejects.toMatchObject({ code: 'NO_DATABASE' });
    await databases.close();
  });

  test('closes everything at the end, and is UNAVAILABLE then', async () => {
    const databases = directory();
    const opening = databases.leaseOrCreate('late', SCHEMA);
    await databases.leaseOrCreate('todo', SCHEMA);
    await databases.close();
    await opening;
    expect(storage.events.filter((event) => event.startsWith('close')).sort()).toEqual(['close late', 'close todo']);
    await expect(databases.lease('todo')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});
