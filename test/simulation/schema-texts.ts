/** The schemas of a simulated world: the second is reached by migration in the middle of a schedule. */

/**
 * Many columns with and without affinity; nothing but a key; a composite key; pairs of rows that only their owner
 * writes, always both at once.
 */
export const FIRST_SCHEMA = `
CREATE TABLE item (id INTEGER PRIMARY KEY NOT NULL, a, b, n INTEGER, t TEXT);
CREATE TABLE tag (name TEXT PRIMARY KEY NOT NULL);
CREATE TABLE edge (x INTEGER NOT NULL, y TEXT NOT NULL, w REAL, PRIMARY KEY (x, y));
CREATE TABLE twin (owner TEXT NOT NULL, side TEXT NOT NULL, v INTEGER, PRIMARY KEY (owner, side));
`;

/** One column and one table more. */
export const SECOND_SCHEMA = `
CREATE TABLE item (id INTEGER PRIMARY KEY NOT NULL, a, b, n INTEGER, t TEXT, late);
CREATE TABLE tag (name TEXT PRIMARY KEY NOT NULL);
CREATE TABLE edge (x INTEGER NOT NULL, y TEXT NOT NULL, w REAL, PRIMARY KEY (x, y));
CREATE TABLE twin (owner TEXT NOT NULL, side TEXT NOT NULL, v INTEGER, PRIMARY KEY (owner, side));
CREATE TABLE note (id BLOB PRIMARY KEY NOT NULL, text TEXT);
`;
