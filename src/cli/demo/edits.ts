/** What both replicas write in the demo: the same cells, other cells, new rows and deletes, by plain SQL. */
import type { Database } from '../../node.ts';

export type Side = 'a' | 'b';

export interface EditCounts {
  readonly updated: number;
  readonly inserted: number;
  readonly deleted: number;
}

/** Rows that each side edits offline: a hundredth of the table, at least one of each kind. */
export async function editOffline(db: Database, side: Side, rows: number): Promise<EditCounts> {
  const [own, other] = side === 'a' ? [0, 1] : [1, 0];
  return await db.transaction(async (tx) => {
    // The first hundredth is renamed by both: one name wins on every replica.
    const both = await tx.exec(`UPDATE city SET name = name || ? WHERE id <= ?`, [` (${side})`, Math.ceil(rows / 100)]);
    // Latitudes by one side, longitudes by the other: both survive, cell by cell.
    const column = side === 'a' ? 'lat' : 'lng';
    const cells = await tx.exec(`UPDATE city SET ${column} = ${column} + 0.5 WHERE id % 100 = 7`);
    // A deletes what B updates, and the other way round.
    const deleted = await tx.exec('DELETE FROM city WHERE id % 1000 = ?', [500 + own]);
    const lost = await tx.exec('UPDATE city SET admin2 = ? WHERE id % 1000 = ?', [`from ${side}`, 500 + other]);
    const inserted = await tx.exec('INSERT INTO city VALUES (?, ?, ?, NULL, NULL, 0.25, -0.25)', [
      rows + 1 + own,
      `New ${side.toUpperCase()}-ville`,
      side === 'a' ? 'AA' : 'BB',
    ]);
    return {
      updated: both.changes + cells.changes + lost.changes,
      inserted: inserted.changes,
      deleted: deleted.changes,
    };
  });
}

/** Single writes of both sides in turn, while both are connected. */
export async function editLive(a: Database, b: Database, times: number): Promise<void> {
  for (let i = 1; i <= times; i += 1) {
    await a.exec('UPDATE city SET country = ? WHERE id = ?', [`A${i}`, i]);
    await b.exec('UPDATE city SET country = ? WHERE id = ?', [`B${i}`, i + 1]);
  }
}
