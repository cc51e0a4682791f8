/**
 * Whether a file that a peer gave is an image that this replica may become: nothing in it but what this replica's own
 * file has too, so that no trigger, view or table of somebody else's runs or stands here.
 */
import { ReplicationError } from '../core/errors.ts';
import type { SqlValue } from '../core/sql-value.ts';
import type { Connection } from '../sqlite/database.ts';
import { isImage } from './image.ts';

/**
 * Cost    reads the whole image once.
 * Errors  IMAGE_REFUSED.
 */
export function checkImage(image: Connection, own: Connection): void {
  const [found] = image.prepare('PRAGMA quick_check(1)').get() ?? [];
  if (found !== 'ok') throw imageRefused(`it is damaged (${String(found)})`);
  if (!isImage(image)) throw imageRefused('it is a database, but no image of one');
  const known = new Set(objectsOf(own).map(nameOf));
  const foreign = objectsOf(image).find((object) => !known.has(nameOf(object)));
  if (foreign !== undefined) throw imageRefused(`it holds the ${String(foreign[0])} ${String(foreign[1])}`);
}

/** Triggers and views are compared by what they do, tables by their columns: their text depends on their migrations. */
function objectsOf(connection: Connection): SqlValue[][] {
  return connection
    .prepare(
      `SELECT type, name, tbl_name, CASE WHEN type IN ('trigger', 'view') THEN sql END,
              (SELECT group_concat(shown, ';') FROM (
                 SELECT name || ' ' || type || ' ' || "notnull" || ' ' || pk || ' ' || hidden AS shown
                   FROM pragma_table_xinfo(CASE WHEN s.type = 'table' THEN s.name END) ORDER BY 1))
         FROM sqlite_schema AS s`,
    )
    .all();
}

function nameOf(object: readonly SqlValue[]): string {
  return JSON.stringify(object);
}

/** Why an image does not take the place of the database. */
export function imageRefused(why: string, cause?: unknown): ReplicationError {
  return new ReplicationError('IMAGE_REFUSED', `the image of the database is not taken: ${why}`, {}, { cause });
}
