/** Keys and affinities are computed here and in the engine: both say the same of any value. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Affinity } from '../../src/core/affinity.ts';
import { isStoredForm } from '../../src/core/affinity.ts';
import { encodePackedKey } from '../../src/core/packed-key.ts';
import { sqlValuesEqual } from '../../src/core/sql-value.ts';
import { createWasmDriver } from '../../src/sqlite/wasm/driver.ts';
import { anyKeyValue, anySqlValue } from './sql-values.arbitrary.ts';

const driver = await createWasmDriver();
const connection = driver.open(':memory:');

describe('the engine agrees', () => {
  test('on how a primary key is packed', () => {
    fc.assert(
      fc.property(fc.array(anyKeyValue, { minLength: 1, maxLength: 5 }), (values) => {
        const sql = `SELECT crsql_pack_columns(${values.map(() => '?').join(', ')})`;
        expect(connection.prepare(sql).get(values)).toEqual([encodePackedKey(values)]);
      }),
      { numRuns: 500 },
    );
  });

  test('on which values a column stores unchanged', () => {
    const affinities: readonly Affinity[] = ['integer', 'real', 'text', 'numeric', 'blob'];
    connection.exec('CREATE TABLE form (integer INTEGER, real REAL, text TEXT, numeric NUMERIC, blob BLOB)');
    const insert = connection.prepare('INSERT INTO form VALUES (?1, ?1, ?1, ?1, ?1)');
    const numeric = fc.stringMatching(/^[ \t+-]?[0-9]{0,20}\.?[0-9]{0,3}(e[+-]?[0-9]{0,3})?[ x]?$/);
    fc.assert(
      fc.property(fc.oneof(anySqlValue, numeric), (value) => {
        connection.exec('DELETE FROM form');
        insert.run([value]);
        const stored = connection.prepare('SELECT * FROM form').get()!;
        const kept = affinities.filter((_, i) => sqlValuesEqual(stored[i]!, value));
        expect(affinities.filter((affinity) => isStoredForm(value, affinity))).toEqual(kept);
      }),
      { numRuns: 1_500 },
    );
  });
});
