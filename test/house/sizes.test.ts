/** Style as a test: sizes, names, what a file may hold. */
import { spawnSync } from 'node:child_process';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { codeOnly, filesUnder, root } from './house.ts';

const sources = filesUnder(['src'], ['.ts']);
const examples = filesUnder(['examples'], ['.ts', '.tsx']);
const tests = [...filesUnder(['test', 'bench'], ['.ts']), ...examples];
const lineCount = (text: string): number => text.split('\n').length - (text.endsWith('\n') ? 1 : 0);

describe('sizes', () => {
  test('no source file is longer than 400 lines, no test longer than 600, no file of an example longer than 150', () => {
    const long = [
      ...sources.filter((f) => lineCount(f.text) > 400),
      ...tests.filter((f) => lineCount(f.text) > 600),
      ...examples.filter((f) => lineCount(f.text) > 150),
    ];
    expect(long.map((file) => `${file.path} ${lineCount(file.text)}`)).toEqual([]);
  });

  test('no function of src is longer than 60 lines', () => {
    const bin = join(root, 'node_modules', 'oxlint', 'bin', 'oxlint');
    const run = spawnSync(process.execPath, [bin, 'src', '--format', 'json'], { cwd: root, encoding: 'utf8' });
    const report = JSON.parse(run.stdout) as { diagnostics: { code: string; filename: string; message: string }[] };
    const long = report.diagnostics.filter((d) => d.code.includes('max-lines-per-function'));
    expect(long.map((d) => `${d.filename}: ${d.message}`)).toEqual([]);
  });
});

describe('names', () => {
  test('files and folders are kebab-case', () => {
    const wrong = [...sources, ...tests].filter(
      (file) => !/^(?:[a-z0-9]+(?:-[a-z0-9]+)*\/)+[a-z0-9]+(?:[-.][a-z0-9]+)*\.tsx?$/.test(file.path),
    );
    expect(wrong.map((file) => file.path)).toEqual([]);
  });

  test('there is no drawer for leftovers', () => {
    const drawers = /(?:^|\/)(?:utils?|helpers?|misc|common|lib|stuff|index)(?:\/|\.tsx?$)/;
    const rooms = [...sources, ...tests].filter((file) => !file.path.startsWith('bench/'));
    expect(rooms.filter((file) => drawers.test(file.path)).map((file) => file.path)).toEqual([]);
  });
});

describe('heads', () => {
  test('every source file begins by saying what it is', () => {
    const silent = [...sources, ...examples].filter((file) => !/^(?:#![^\n]*\n)?\/\*\*/.test(file.text));
    expect(silent.map((file) => file.path)).toEqual([]);
  });

  test('sources throw coded errors, never a bare Error', () => {
    const bare = sources.filter((file) => /\bnew (?:Error|TypeError|RangeError)\(/.test(codeOnly(file.text)));
    expect(bare.map((file) => file.path)).toEqual([]);
  });

  test('every test file is found by the runner', () => {
    const lost = tests.filter((file) => file.path.startsWith('test/') && basename(file.path).includes('.spec.'));
    expect(lost.map((file) => file.path)).toEqual([]);
  });
});
