import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { dataRows, type DataRow } from '../../src/cli/data-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'crmesh-data-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function rowsOf(name: string, content: string): Promise<DataRow[]> {
  const path = join(folder, name);
  writeFileSync(path, content);
  const rows: DataRow[] = [];
  for await (const row of dataRows(path)) rows.push(row);
  return rows;
}

describe('data file', () => {
  test('a CSV file gives its rows as text under the names of its header', async () => {
    const rows = await rowsOf('a.csv', '\uFEFFid,name\r\n1,"Saint-Étienne, Loire"\r\n\r\n2,"a ""b"""\r\n');
    expect(rows).toEqual([
      { id: '1', name: 'Saint-Étienne, Loire' },
      { id: '2', name: 'a "b"' },
    ]);
  });

  test('JSON and ndjson keep numbers, write booleans as 1 and 0 and nested values as JSON text', async () => {
    const row = { id: 1, x: 1.5, yes: true, no: false, none: null, list: [1, { a: 2 }] };
    const wanted = { id: 1, x: 1.5, yes: 1, no: 0, none: null, list: '[1,{"a":2}]' };
    expect(await rowsOf('a.json', JSON.stringify([row]))).toEqual([wanted]);
    expect(await rowsOf('a.ndjson', `${JSON.stringify(row)}\n\n${JSON.stringify(row)}`)).toEqual([wanted, wanted]);
  });

  test.each([
    ['broken.csv', 'id,name\n1,"open\n'],
    ['uneven.csv', 'id,name\n1,2,3\n'],
    ['twice.csv', 'id,name,name\n1,2,3\n'],
    ['broken.json', '[{"id": 1},'],
    ['object.json', '{"id": 1}'],
    ['numbers.json', '[1, 2]'],
    ['broken.ndjson', '{"id": 1}\n{"id": \n'],
    ['big.json', '[{"id": 9007199254740993}]'],
    ['huge.ndjson', '{"id": 1e999}'],
  ])('%s is refused with the place of its fault', async (name, content) => {
    await expect(rowsOf(name, content)).rejects.toMatchObject({
      code: 'VALUE_UNSUPPORTED',
      message: expect.stringContaining(name) as string,
    });
  });

  test('a missing file and an unknown ending are wrong use', async () => {
    await expect(dataRows(join(folder, 'absent.csv')).next()).rejects.toMatchObject({ code: 'USAGE' });
    await expect(rowsOf('a.xlsx', '')).rejects.toMatchObject({ code: 'USAGE' });
  });
});
