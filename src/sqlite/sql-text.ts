/**
 * The little that the engines must know of an SQL text before they run it: whether it counts changed rows,
 * and whether something follows the first statement. No parser: SQLite judges the text.
 */

const TOKEN = /\s+|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|\w+|[\s\S]/g;
const WRITES = new Set(['INSERT', 'REPLACE', 'UPDATE', 'DELETE']);
const READS = new Set(['SELECT', 'VALUES']);

/** True for INSERT, REPLACE, UPDATE and DELETE, also behind WITH: the statements that set changes(). */
export function countsChanges(sql: string): boolean {
  let depth = 0;
  let first = true;
  for (const [token] of sql.matchAll(TOKEN)) {
    if (token === '(') depth += 1;
    else if (token === ')') depth -= 1;
    if (depth !== 0 || !/^\w/.test(token)) continue;
    const word = token.toUpperCase();
    if (WRITES.has(word)) return true;
    if (READS.has(word) || (first && word !== 'WITH')) return false;
    first = false;
  }
  return false;
}

/** True if nothing but white space, comments and semicolons is left. */
export function isBlankSql(sql: string): boolean {
  for (const [token] of sql.matchAll(TOKEN)) {
    if (token === ';' || /^(?:\s|--|\/\*)/.test(token)) continue;
    return false;
  }
  return true;
}
