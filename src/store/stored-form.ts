/**
 * A value in the form in which a column stores it.
 *
 * Cells are decided by comparing values, and INTEGER 5 beats TEXT '5' and REAL 5.0. So a value is brought to the
 * column's form before it is compared; otherwise it would win again at every redelivery.
 */
import type { Affinity } from '../core/affinity.ts';
import { isStoredForm } from '../core/affinity.ts';
import { invariant } from '../core/errors.ts';
import type { SqlValue } from '../core/sql-value.ts';
import { isIntegerNumber, Real, sqlValueFromInteger, sqlValueFromReal } from '../core/sql-value.ts';
import type { Connection } from '../sqlite/database.ts';

/** Where the engine itself converts text to numbers and numbers to text; created once a connection. */
export function createFormTable(connection: Connection): void {
  connection.exec(
    `CREATE TEMP TABLE IF NOT EXISTS crmesh_form (integer INTEGER, numeric NUMERIC, real REAL, text TEXT)`,
  );
}

export function storedForm(connection: Connection, value: SqlValue, affinity: Affinity): SqlValue {
  const plain = typeof value === 'bigint' ? sqlValueFromInteger(value) : value;
  if (plain === null || isStoredForm(plain, affinity)) return plain;
  return numberForm(plain, affinity) ?? engineForm(connection, plain, affinity);
}

/** The conversions that need no engine; undefined for the others. */
function numberForm(value: SqlValue, affinity: Affinity): SqlValue | undefined {
  if (affinity === 'real') {
    if (value instanceof Real) return new Real(0);
    if (typeof value === 'bigint' || (typeof value === 'number' && isIntegerNumber(value))) {
      return sqlValueFromReal(Number(value));
    }
  } else if (affinity !== 'text' && value instanceof Real && Number.isInteger(value.value)) {
    return sqlValueFromInteger(BigInt(value.value));
  }
  return undefined;
}

function engineForm(connection: Connection, value: SqlValue, affinity: Affinity): SqlValue {
  invariant(affinity !== 'blob' && affinity !== 'rowid', 'a value without conversion was to be converted');
  connection.prepare(`INSERT INTO temp.crmesh_form (${affinity}) VALUES (?)`).run([value]);
  const row = connection.prepare(`SELECT ${affinity} FROM temp.crmesh_form`).get();
  connection.prepare('DELETE FROM temp.crmesh_form').run();
  return row?.[0] ?? null;
}
