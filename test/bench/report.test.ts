/** What a run of the benchmarks is turned into: medians, a section of the README, pictures. */
import { expect, test } from 'vitest';
import { barChart } from '../../bench/lib/bar-chart.ts';
import { medians, percentiles } from '../../bench/lib/measure.ts';
import { topFunctions } from '../../bench/lib/profile.ts';
import { withSection } from '../../bench/lib/report.ts';
import { stampAgeMs, stampNow, stampsIn } from '../../bench/lib/rows.ts';
import type { Section, Table } from '../../bench/lib/table.ts';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const table: Table = {
  name: 'Bulk',
  caption: 'A, then B.',
  rows: [
    { rows: 10, contender: 'crmesh', ms: 20 },
    { rows: 10, contender: 'bare ws', ms: 2.5 },
    { rows: 10, contender: 'a < b & c', ms: 'NOT RUN' },
    { rows: 1_000, contender: 'crmesh', ms: 2_000 },
  ],
  chart: { group: 'rows', label: 'contender', value: 'ms', unit: 'ms' },
};
const section: Section = { workload: 'bulk', title: 'Bulk', tables: [table], notes: ['A note.'], stamp: 'today' };

test('a section takes the place between its marks, and nothing else of the document changes', () => {
  const first = withSection('# Numbers\n\nText.\n', section);
  const before = first.replace('| 10 | crmesh | 20 |', '| 10 | crmesh | 99 |').replace('# Numbers', '# Other');
  expect(withSection(`${before}\n## After\n`, section)).toBe(`${first.replace('# Numbers', '# Other')}\n## After\n`);
});

test('a section has its command, when it was measured, a row a line and the notes', () => {
  const lines = withSection('', section, ['pictures/bulk.svg']).split('\n');
  expect(lines).toContain('| 1,000 | crmesh | 2,000 |');
  expect(lines).toContain('`crmesh bench bulk --peers`; today.');
  expect(lines).toContain('![Bulk](pictures/bulk.svg)');
  expect(lines).toContain('- A note.');
});

test('a picture has a bar for each number and none for words', () => {
  const svg = barChart(table)!;
  expect(svg.match(/<rect x=/g)).toHaveLength(3);
  expect(svg).toContain('(logarithmic scale)');
  expect(svg).not.toContain('NOT RUN');
});

test('a table without a number has no picture', () => {
  expect(barChart({ ...table, rows: [{ rows: 1, contender: 'x', ms: 'FAILED' }] })).toBeUndefined();
});

test('words in a picture are escaped', () => {
  const rows = [{ rows: 1, contender: 'a < b & c', ms: 1 }];
  expect(barChart({ ...table, rows })).toContain('a &lt; b &amp; c');
});

test('the median of each figure is taken by itself', () => {
  expect(
    medians([
      { ms: 1, mb: 9 },
      { ms: 3, mb: 8 },
      { ms: 2, mb: 7 },
    ]),
  ).toEqual({ ms: 2, mb: 8 });
  expect(medians([{ ms: 1 }, { ms: 2 }])).toEqual({ ms: 1.5 });
});

test('percentiles are values that were measured', () => {
  const values = Array.from({ length: 200 }, (_, i) => 200 - i);
  expect(percentiles(values)).toEqual({ p50: 101, p99: 199, max: 200 });
});

test('a stamp is found in any frame and tells its age', () => {
  const stamp = stampNow();
  const frame = Buffer.concat([Uint8Array.of(0, 64, 255), Buffer.from(`x${stamp}y${stamp}`), Uint8Array.of(64)]);
  expect(stampsIn(frame)).toEqual([stamp, stamp]);
  expect(stampAgeMs(stamp)).toBeGreaterThanOrEqual(0);
});

test('a profile names the functions with the most time of their own, without waiting', () => {
  const folder = mkdtempSync(join(tmpdir(), 'crmesh-profile-'));
  const frames = ['(idle)', 'merge', 'read'].map((functionName, id) => ({ id, callFrame: { functionName, url: '' } }));
  const profile = { nodes: frames, samples: [0, 1, 2, 1], timeDeltas: [9_000, 2_000, 1_000, 1_000] };
  writeFileSync(join(folder, 'a.cpuprofile'), JSON.stringify(profile));
  expect(topFunctions(folder)).toEqual([' 75.0 % 3 ms merge', ' 25.0 % 1 ms read']);
  rmSync(folder, { recursive: true });
});
