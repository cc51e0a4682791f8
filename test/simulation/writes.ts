/**
 * What users do to a replica, as plain SQL on few keys and few values, so that machines meet on the same rows and
 * write the same values.
 */
import { isReplicationError } from '../../src/core/errors.ts';
import type { SqlValue } from '../../src/core/sql-value.ts';
import { real } from '../../src/core/sql-value.ts';
import type { Connection } from '../../src/sqlite/database.ts';
import type { Random } from './random.ts';

type Params = readonly SqlValue[];

/** One statement with its values, in a form that can be repeated on another machine. */
export interface Write {
  readonly sql: string;
  readonly params: Params;
  /** The statement must fail when it meets a row. */
  readonly refused?: boolean;
}

/** No -0: the engine does not track an UPDATE from 0.0 to -0.0, so the two may stand side by side for ever. */
const VALUES: readonly SqlValue[] = [
  ...[1, 2, 5, 'x', 'y', '', null, 2.5, -7],
  ...[real(5), real(0), 2n ** 60n, Uint8Array.of(1, 2), new Uint8Array(0), 'text that is a little longer'],
];
const TEXTS: readonly SqlValue[] = ['red', 'green', '', 5, null];
const KEYS = [1, 2, 3, 4];
const NAMES = ['one', 'two', 'three'];
const NOTES = [Uint8Array.of(1), Uint8Array.of(2), new Uint8Array(0)];

/** Statements of one transaction; `late` = the machine has the second schema. */
export function randomTransaction(random: Random, late: boolean): Write[] {
  const count = random.weighted([
    [6, 1],
    [2, 2],
    [1, 5],
  ]);
  return Array.from({ length: count }, () =>
    random.chance(0.1) ? recreateItem(random) : [randomWrite(random, late)],
  ).flat();
}

/** Many rows at once: more than small limits let through in one piece. */
export function bulkTransaction(random: Random): Write[] {
  const first = random.between(10, 40);
  return Array.from({ length: random.between(6, 14) }, (_, i) => ({
    sql: 'INSERT INTO item (id, a, b, n) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET a = excluded.a, n = excluded.n',
    params: [first + i, random.pick(VALUES), 'bulk', i],
  }));
}

/** Both rows of an owner in one transaction: wherever they are seen, they are equal. */
export function twinTransaction(owner: string, v: number): Write[] {
  const sql =
    'INSERT INTO twin (owner, side, v) VALUES (?, ?, ?) ON CONFLICT (owner, side) DO UPDATE SET v = excluded.v';
  return ['left', 'right'].map((side) => ({ sql, params: [owner, side, v] }));
}

export const TORN_TWINS = `SELECT l.owner, l.v, r.v FROM twin AS l
  LEFT JOIN twin AS r ON r.owner = l.owner AND r.side = 'right'
 WHERE l.side = 'left' AND l.v IS NOT r.v`;

function randomWrite(random: Random, late: boolean): Write {
  const makers: (readonly [number, (random: Random) => Write])[] = [
    [5, upsertItem],
    [4, updateItem],
    [2, updateTwoColumns],
    [3, deleteItem],
    [1, replaceItem],
    [3, changeTag],
    [3, changeEdge],
    [1, touchItem],
    [1, moveKey],
  ];
  if (late) makers.push([8, updateLate], [3, changeNote]);
  return random.weighted(makers)(random);
}

function upsertItem(random: Random): Write {
  const params = [random.pick(KEYS), random.pick(VALUES), random.pick(VALUES), random.below(3), random.pick(TEXTS)];
  const update = random.pick(['a = excluded.a', 'b = excluded.b, t = excluded.t', 'id = excluded.id, n = excluded.n']);
  return {
    sql: `INSERT INTO item (id, a, b, n, t) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET ${update}`,
    params,
  };
}

function updateItem(random: Random): Write {
  const column = random.pick(['a', 'b', 'n', 't']);
  const value = column === 'n' ? random.below(3) : column === 't' ? random.pick(TEXTS) : random.pick(VALUES);
  return { sql: `UPDATE item SET ${column} = ? WHERE id = ?`, params: [value, random.pick(KEYS)] };
}

function updateTwoColumns(random: Random): Write {
  const params = [random.pick(VALUES), random.below(3), random.pick(KEYS)];
  return { sql: 'UPDATE item SET b = ?, n = ? WHERE id >= ?', params };
}

function deleteItem(random: Random): Write {
  return { sql: 'DELETE FROM item WHERE id = ?', params: [random.pick(KEYS)] };
}

function replaceItem(random: Random): Write {
  const params = [random.pick(KEYS), random.pick(VALUES), random.pick(TEXTS)];
  return { sql: 'INSERT OR REPLACE INTO item (id, a, t) VALUES (?, ?, ?)', params };
}

/** A row that dies and lives again at once: whoever has it alive meets its next life. */
function recreateItem(random: Random): Write[] {
  const insert = upsertItem(random);
  return [{ sql: 'DELETE FROM item WHERE id = ?', params: insert.params.slice(0, 1) }, insert];
}

function changeTag(random: Random): Write {
  const params = [random.pick(NAMES)];
  if (random.chance(0.4)) return { sql: 'DELETE FROM tag WHERE name = ?', params };
  return { sql: 'INSERT OR IGNORE INTO tag (name) VALUES (?)', params };
}

function changeEdge(random: Random): Write {
  const key = [random.between(1, 2), random.pick(['p', 'q'])];
  if (random.chance(0.3)) return { sql: 'DELETE FROM edge WHERE x = ? AND y = ?', params: key };
  const sql = 'INSERT INTO edge (x, y, w) VALUES (?, ?, ?) ON CONFLICT (x, y) DO UPDATE SET w = excluded.w';
  return { sql, params: [...key, random.pick([1, 2.5, real(0), null])] };
}

/** Writes nothing new, but raises the engine's counter. */
function touchItem(random: Random): Write {
  return { sql: 'UPDATE item SET a = a, n = n WHERE id = ?', params: [random.pick(KEYS)] };
}

function moveKey(random: Random): Write {
  const params = [random.between(50, 52), random.pick(KEYS)];
  return { sql: 'UPDATE item SET id = ? WHERE id = ?', params, refused: true };
}

function updateLate(random: Random): Write {
  return { sql: 'UPDATE item SET late = ? WHERE id = ?', params: [random.pick(VALUES), random.pick(KEYS)] };
}

function changeNote(random: Random): Write {
  const id = random.pick(NOTES);
  if (random.chance(0.3)) return { sql: 'DELETE FROM note WHERE id = ?', params: [id] };
  const sql = 'INSERT INTO note (id, text) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET text = excluded.text';
  return { sql, params: [id, random.pick(TEXTS)] };
}

/** How a transaction ends: mostly by COMMIT; sometimes a part or all of it is taken back. */
export type Ending = 'commit' | 'rollback' | 'rollback-to-savepoint';

export function randomEnding(random: Random): Ending {
  return random.weighted([
    [18, 'commit'],
    [1, 'rollback'],
    [2, 'rollback-to-savepoint'],
  ]);
}

/** Runs a transaction; a statement that meets a guard leaves no trace and the rest goes on. */
export function runTransaction(connection: Connection, writes: readonly Write[], ending: Ending): void {
  if (writes.length === 1 && ending === 'commit') return runWrite(connection, writes[0]!);
  connection.exec('BEGIN');
  writes.forEach((write, i) => {
    if (i === writes.length - 1 && ending === 'rollback-to-savepoint') connection.exec('SAVEPOINT half');
    runWrite(connection, write);
  });
  if (ending === 'rollback-to-savepoint') connection.exec('ROLLBACK TO half; RELEASE half');
  connection.exec(ending === 'rollback' ? 'ROLLBACK' : 'COMMIT');
}

function runWrite(connection: Connection, { sql, params, refused }: Write): void {
  try {
    connection.prepare(sql).run(params);
  } catch (error) {
    if (refused !== true || !isReplicationError(error)) throw error;
  }
}
