/**
 * What the board reads and writes, as plain SQL.
 *
 * Who wrote a task is not a column that anybody could fill in: it is the author of its cell `changed` as the
 * replication knows it. Every edit writes that cell, so its author is who changed the task last, the same one on every
 * replica. A person only chooses the name that stands for a site.
 */
import type { BrowserDatabase } from 'crmesh';

export const lanes = ['todo', 'doing', 'done'] as const;
export type Lane = (typeof lanes)[number];
export const laneNames: Readonly<Record<Lane, string>> = { todo: 'To do', doing: 'Doing', done: 'Done' };

export interface Task {
  readonly id: string;
  readonly title: string;
  readonly lane: Lane;
  /** ISO time by the clock of who wrote it. */
  readonly changed: string;
  readonly city: string | null;
  readonly country: string | null;
  /** Site id. */
  readonly author: string;
  readonly authorName: string | null;
}

/** The engine's clock table knows the site of every cell; a query may read it. */
export const tasksSql = `
  SELECT t.id, coalesce(t.title, '') AS title, coalesce(t.lane, 'todo') AS lane, coalesce(t.changed, '') AS changed,
         c.name AS city, c.country, coalesce(lower(hex(s.site_id)), '') AS author, p.name AS authorName
    FROM task AS t
    LEFT JOIN city AS c ON c.id = t.city
    LEFT JOIN task__crsql_pks AS k ON k.id = t.id
    LEFT JOIN task__crsql_clock AS w ON w.key = k.__crsql_key AND w.col_name = 'changed'
    LEFT JOIN crsql_site_id AS s ON s.ordinal = w.site_id
    LEFT JOIN person AS p ON p.site = lower(hex(s.site_id))
   ORDER BY t.changed DESC, t.id`;

export const nameSql = 'SELECT name FROM person WHERE site = ?';

export async function addTask(
  db: BrowserDatabase,
  task: { readonly title: string; readonly city: number },
): Promise<void> {
  const values = [crypto.randomUUID(), task.title, 'todo', task.city, now()];
  await db.exec('INSERT INTO task (id, title, lane, city, changed) VALUES (?, ?, ?, ?, ?)', values);
}

export async function renameTask(db: BrowserDatabase, id: string, title: string): Promise<void> {
  await db.exec('UPDATE task SET title = ?, changed = ? WHERE id = ?', [title, now(), id]);
}

export async function moveTask(db: BrowserDatabase, id: string, lane: Lane): Promise<void> {
  await db.exec('UPDATE task SET lane = ?, changed = ? WHERE id = ?', [lane, now(), id]);
}

export async function removeTask(db: BrowserDatabase, id: string): Promise<void> {
  await db.exec('DELETE FROM task WHERE id = ?', [id]);
}

export async function saveName(db: BrowserDatabase, name: string): Promise<void> {
  const sql = 'INSERT INTO person (site, name) VALUES (?, ?) ON CONFLICT (site) DO UPDATE SET name = excluded.name';
  await db.exec(sql, [db.siteId, name]);
}

function now(): string {
  return new Date().toISOString();
}
