/** Deliberate faults, their table, and the promises that they prove: each is checked against the others. */
import { describe, expect, test } from 'vitest';
import type { Fault } from '../mutations/fault.ts';
import { occurrences, patchesOf } from '../mutations/fault.ts';
import { faultOfName, FAULTS } from '../mutations/faults.ts';
import { pathExists, readText } from './house.ts';
import { tableUnder } from './tables.ts';

const FAULTS_MIN = 40;
const table = tableUnder(readText('test/simulation/README.md'), 'The faults');
const promises = tableUnder(readText('src/PROTOCOL.md'), 'Promises');

function unquoted(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);
}

/** Paths from the top folder that a cell of PROTOCOL.md links to. */
function linkedIn(cell: string): string[] {
  return [...cell.matchAll(/\]\(([^)]+)\)/g)].map((match) =>
    match[1]!.startsWith('../') ? match[1]!.slice(3) : `src/${match[1]!}`,
  );
}

function isLinked(path: string, links: readonly string[]): boolean {
  return links.some((link) => path === link || path.startsWith(`${link}/`));
}

describe('deliberate faults', () => {
  const patches = FAULTS.flatMap((fault) => patchesOf(fault).map((patch) => ({ name: fault.name, ...patch })));

  test('there are enough of them, each with a name of its own', () => {
    expect(FAULTS.length).toBeGreaterThanOrEqual(FAULTS_MIN);
    expect(new Set(FAULTS.map(({ name }) => name)).size).toBe(FAULTS.length);
  });

  test('each replaces text that stands exactly once in its source', () => {
    const wrong = patches.filter((patch) => !pathExists(patch.file) || occurrences(readText(patch.file), patch) !== 1);
    expect(wrong.map(({ name, file, find }) => ({ name, file, find }))).toEqual([]);
  });

  test('each changes something', () => {
    expect(patches.filter(({ find, replace }) => find === replace)).toEqual([]);
  });

  test('the test files that must notice them are there', () => {
    const files = FAULTS.flatMap(({ tests }) => tests ?? []);
    expect(files.filter((file) => !file.endsWith('.test.ts') || !pathExists(file))).toEqual([]);
  });
});

describe('the table of the faults', () => {
  test('has a row for each fault and no other', () => {
    expect(table.map(([name]) => name)).toEqual(FAULTS.map(({ name }) => name));
  });

  test('says the promise, the rule and what notices it, as the list does', () => {
    const rowOf = ({ name, promise, rule, tests }: Fault): readonly unknown[] => [name, promise, rule, tests ?? []];
    expect(table.map(([name, promise, rule, by]) => [name, promise, rule, unquoted(by ?? '')])).toEqual(
      FAULTS.map(rowOf),
    );
  });

  test('says of those without a test file which judge notices them, after how many schedules', () => {
    const others = table.filter(([name]) => faultOfName(name)?.tests === undefined);
    expect(others.filter(([, , , by]) => !/^[a-z]+, schedule \d+$/.test(by ?? '')).map(([name]) => name)).toEqual([]);
  });
});

describe('the promises', () => {
  const rows = promises.map(([id = '', , keptBy = '', noticedBy = '', provenBy = '']) => ({
    id,
    code: linkedIn(keptBy),
    tests: linkedIn(noticedBy),
    faults: unquoted(provenBy),
  }));

  test('are P1 to P8, each with code, tests and faults', () => {
    expect(rows.map(({ id }) => id)).toEqual(['P1', 'P2', 'P3', 'P4', 'P5', 'P6', 'P7', 'P8']);
    const thin = rows.filter(({ code, tests, faults }) => [code, tests, faults].some(({ length }) => length === 0));
    expect(thin.map(({ id }) => id)).toEqual([]);
  });

  test('name code and tests that are there', () => {
    expect(rows.flatMap(({ code, tests }) => [...code, ...tests]).filter((path) => !pathExists(path))).toEqual([]);
  });

  test('name faults that break them, in their code, and that their tests notice', () => {
    const wrong = rows.flatMap(({ id, code, tests, faults }) =>
      faults.filter((name) => {
        const fault = faultOfName(name);
        if (fault?.promise !== id || !isLinked(fault.file, code)) return true;
        return !(fault.tests ?? ['test/simulation']).every((file) => isLinked(file, tests));
      }),
    );
    expect(wrong).toEqual([]);
  });

  test('are named by every fault', () => {
    const ids = new Set(rows.map(({ id }) => id));
    expect(FAULTS.filter(({ promise }) => !ids.has(promise)).map(({ name }) => name)).toEqual([]);
  });

  test('have each file of their code proven by a fault somewhere', () => {
    const broken = new Set(FAULTS.flatMap((fault) => patchesOf(fault).map(({ file }) => file)));
    const unproven = rows
      .flatMap(({ code }) => code)
      .filter((path) => ![...broken].some((file) => isLinked(file, [path])));
    expect(unproven).toEqual([]);
  });
});
