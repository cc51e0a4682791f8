/** Where the schema text is kept, and how a file that another tool made is read. */
import type { Limits } from '../core/limits.ts';
import { parseSchema } from '../core/schema-parser.ts';
import type { Connection } from '../sqlite/database.ts';
import { textOf } from './sql-text.ts';
import { replicatedTableNames } from './table-catalog.ts';

const OWN_TABLE =
  'CREATE TABLE IF NOT EXISTS crmesh_schema (id INTEGER PRIMARY KEY CHECK (id = 1), text TEXT NOT NULL)';

/** The text of the last migration; of the tables themselves where there was none; '' for an empty database. */
export function readSchemaText(connection: Connection, limits: Limits): string {
  const known = connection.prepare("SELECT 1 FROM sqlite_master WHERE name = 'crmesh_schema'").get();
  const row = known === undefined ? undefined : connection.prepare('SELECT text FROM crmesh_schema').get();
  return row === undefined ? textOfTables(connection, limits) : textOf(row[0]);
}

/** Inside the transaction of the schema change, after it. */
export function writeSchemaText(connection: Connection, text: string): void {
  connection.exec(OWN_TABLE);
  connection.prepare('INSERT OR REPLACE INTO crmesh_schema (id, text) VALUES (1, ?)').run([text]);
}

/** A table that our text form cannot say stays outside the schema: it is neither changed nor dropped. */
function textOfTables(connection: Connection, limits: Limits): string {
  const replicated = new Set(replicatedTableNames(connection));
  const rows = connection
    .prepare(
      `SELECT name, tbl_name, sql FROM sqlite_master
        WHERE sql IS NOT NULL AND type IN ('table', 'index') AND tbl_name NOT LIKE 'crmesh\\_%' ESCAPE '\\'
          AND tbl_name NOT LIKE 'crsql\\_%' ESCAPE '\\' AND tbl_name NOT LIKE '%\\_\\_crsql\\_%' ESCAPE '\\'
          AND tbl_name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type DESC, rowid`,
    )
    .all();
  let text = '';
  for (const [name, table, sql] of rows) {
    const isLocalTable = name === table && !replicated.has(textOf(table));
    const longer = `${text}${isLocalTable ? '-- local\n' : ''}${textOf(sql)};\n`;
    if (parseSchema(longer, limits).refused.length === 0) text = longer;
  }
  return text;
}
