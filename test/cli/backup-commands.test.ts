import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { crmesh, crmeshJson, Workshop } from './spawned-command.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());

const COUNT = 'SELECT count(*) AS n FROM todo';

/** A database file with so many rows. */
async function filled(rows: number): Promise<string> {
  const [file, data] = [workshop.path('.db'), workshop.path('.ndjson')];
  const lines = Array.from({ length: rows }, (_, i) => JSON.stringify({ id: i + 1, title: `title ${i}` }));
  writeFileSync(data, lines.join('\n'));
  await crmeshJson(['import', file, 'todo', data, '--create', '--key', 'id']);
  return file;
}

async function siteOf(file: string): Promise<unknown> {
  return ((await crmeshJson(['status', file])) as Record<string, unknown>)['site'];
}

describe('crmesh backup and restore', { timeout: 120_000 }, () => {
  test('a backup is restored as another replica, and refilled by the relay', async () => {
    const { url } = await workshop.relay();
    const file = await filled(20);
    const site = await siteOf(file);
    const out = workshop.path('.db');
    expect(await crmeshJson(['backup', file, out])).toMatchObject({ file, out, site, changes: 20 });
    await crmesh(['query', file, "INSERT INTO todo VALUES (100, 'after the backup')"]);
    await crmeshJson(['sync', file, `${url}/todo`, '--once']);
    const restored = (await crmeshJson(['restore', out, file, '--force'])) as Record<string, unknown>;
    expect(restored).toMatchObject({ outcome: 'restored', file, former: site, changes: 20, tables: ['todo'] });
    expect(await siteOf(file)).toBe(restored['site']);
    expect(await crmeshJson(['query', file, COUNT])).toEqual([{ n: 20 }]);
    await crmeshJson(['sync', file, `${url}/todo`, '--once']);
    expect(await crmeshJson(['query', file, COUNT])).toEqual([{ n: 21 }]);
  });

  test('a relay that holds the file makes the backup itself, and goes on', async () => {
    const dir = workshop.path('-of-relay');
    const { url, process } = await workshop.relay(['--dir', dir]);
    const file = await filled(12);
    await crmeshJson(['sync', file, `${url}/todo`, '--once']);
    const held = join(dir, 'todo.db');
    expect(existsSync(held)).toBe(true);
    const out = workshop.path('.db');
    expect(await crmeshJson(['backup', held, out])).toMatchObject({ changes: 12 });
    expect(await crmeshJson(['query', out, COUNT])).toEqual([{ n: 12 }]);
    await crmesh(['query', file, "INSERT INTO todo VALUES (100, 'later')"]);
    await crmeshJson(['sync', file, `${url}/todo`, '--once']);
    expect(await crmesh(['restore', out, held, '--force', '--json'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('FILE_LOCKED') as string,
    });
    expect(await process.stop()).toBe(0);
    expect(await crmeshJson(['restore', out, held, '--force'])).toMatchObject({ outcome: 'restored' });
  });

  test('nothing is overwritten: 3; what is not there or no backup: 1; wrong words: 2', async () => {
    const file = await filled(3);
    const text = workshop.path('.txt');
    writeFileSync(text, 'no database '.repeat(100));
    const ends = [
      await crmesh(['backup', file, text]),
      await crmesh(['restore', file, text]),
      await crmesh(['backup', workshop.path('.db'), workshop.path('.db')]),
      await crmesh(['restore', workshop.path('.db'), workshop.path('.db')]),
      await crmesh(['restore', text, workshop.path('.db')]),
      await crmesh(['restore', file, file, '--force']),
      await crmesh(['backup', file]),
    ];
    expect(ends.map(({ code }) => code)).toEqual([3, 3, 1, 1, 1, 2, 2]);
    expect(ends[1]!.stderr).toContain('--force');
    expect(readFileSync(text, 'utf8')).toContain('no database');
  });

  test('a process that is killed keeps the identity of its file', async () => {
    const { url } = await workshop.relay();
    const file = await filled(5);
    const site = await siteOf(file);
    for (let kill = 0; kill < 2; kill++) {
      const staying = workshop.stay(['sync', file, `${url}/todo`]);
      await staying.line();
      await crmeshJson(['query', file, `INSERT INTO todo VALUES (${100 + kill}, 'x')`]);
      await staying.stop('SIGKILL');
      expect(await siteOf(file)).toBe(site);
    }
  });
});
