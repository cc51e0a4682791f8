/** `crmesh bench` as a user runs it, at sizes that say nothing about speed. Needs `npm run build:bench`. */
import { expect, test } from 'vitest';
import { benchCommand } from '../../src/cli/commands/bench.ts';
import { workloads } from '../../bench/workloads/workloads.ts';
import type { Section } from '../../bench/lib/table.ts';
import { crmesh } from '../cli/spawned-command.ts';

const RUN_MS_MAX = 600_000;
const tiny = ['--rows', '10', '--repeats', '1'];

/** Other ones at each run: all of them take a minute and a half. */
const SHARE = 3;

test('workloads run and tell tables whose rows have the same columns', { timeout: RUN_MS_MAX }, async () => {
  const start = Math.floor(Math.random() * workloads.length);
  const names = Array.from({ length: SHARE }, (_, i) => workloads[(start + i) % workloads.length]!.name);
  process.stdout.write(`bench: ${names.join(' ')}\n`);
  const { code, stdout, stderr } = await crmesh(['bench', ...names, ...tiny, '--json']);
  expect(code, stderr).toBe(0);
  const sections = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Section);
  expect(sections.map(({ workload }) => workload)).toEqual(names);
  for (const { tables, workload } of sections) {
    expect(tables.length).toBeGreaterThan(0);
    for (const { rows } of tables) {
      const [first] = rows;
      expect(
        rows.filter((row) => Object.keys(row).join() !== Object.keys(first!).join()),
        workload,
      ).toEqual([]);
      expect(rows.flatMap(Object.values).filter((cell) => typeof cell === 'number' && !Number.isFinite(cell))).toEqual(
        [],
      );
      expect(
        rows.some((row) => String(Object.values(row)).includes('crmesh')),
        workload,
      ).toBe(true);
    }
  }
});

test('for eyes it is a table of text with the machine and the day', { timeout: RUN_MS_MAX }, async () => {
  const { code, stdout } = await crmesh(['bench', 'bulk', ...tiny]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Bulk \(one run; \d+ cores at load [\d.]+, Node [\d.]+, \d{4}-\d\d-\d\d\)/);
  expect(stdout).toMatch(/^rows +contender +up ms/m);
  expect(stdout).toMatch(/^ *10 +bare ws /m);
});

test.each([
  [['no-such'], "there is no workload 'no-such'"],
  [['bulk', '--rows', 'many'], "'many' is no number of rows"],
  [['bulk', '--repeats', '0'], "'0' is no number"],
])('%j ends with usage', async (words, message) => {
  const { code, stdout, stderr } = await crmesh(['bench', ...words, '--json']);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(JSON.parse(stderr)).toMatchObject({ code: 'USAGE', message: expect.stringContaining(message) });
});

test('where the benchmarks are not built, it says how to build them', async () => {
  const words = { workloads: [], peers: false, json: false, write: false, rows: [] };
  const error = { code: 'USAGE', message: expect.stringContaining('npm run build:bench') };
  await expect(benchCommand(words)).rejects.toMatchObject(error);
});
