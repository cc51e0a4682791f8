/** Keywords that SQLite reserves: the engine cannot replicate a table of such a name, quoted or not. */

const RESERVED: ReadonlySet<string> = new Set(
  (
    'add all alter and as autoincrement between case check collate commit constraint create default deferrable ' +
    'delete distinct drop else escape except exists foreign from group having in index insert intersect into is ' +
    'isnull join limit not nothing notnull null on or order primary references returning select set table then to ' +
    'transaction union unique update using values when where'
  ).split(' '),
);

export function isReservedKeyword(name: string): boolean {
  return RESERVED.has(name.toLowerCase());
}
