/** The tables of the board: the demo's own schema, with an index that only the search of this page needs. */

export const boardSchema = `
  CREATE TABLE city (id INTEGER PRIMARY KEY NOT NULL, name TEXT, country TEXT, admin1 TEXT, admin2 TEXT, lat REAL, lng REAL);
  CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title TEXT, lane TEXT, city INTEGER, changed TEXT);
  CREATE TABLE person (site TEXT PRIMARY KEY NOT NULL, name TEXT);
  CREATE INDEX city_by_name ON city (name COLLATE NOCASE);
`;
