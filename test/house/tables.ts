/** Tables of the documents, as rows of cells. */

/** The rows of the first table under a heading; the head row and the line below it are left out. */
export function tableUnder(document: string, heading: string): readonly (readonly string[])[] {
  return (tablesUnder(document, heading)[0] ?? []).slice(2);
}

/** Every table under a heading, up to the next heading of any level. */
function tablesUnder(document: string, heading: string): (readonly string[])[][] {
  const lines = document.split('\n');
  const start = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, '') === heading);
  const tables: (readonly string[])[][] = [];
  let open = false;
  for (const line of start < 0 ? [] : lines.slice(start + 1)) {
    if (/^#+ /.test(line)) break;
    const isRow = line.startsWith('|');
    if (isRow && !open) tables.push([]);
    if (isRow) tables.at(-1)!.push(cellsOf(line));
    open = isRow;
  }
  return tables;
}

function cellsOf(line: string): readonly string[] {
  const cells = line.trim().split('|');
  return cells.slice(1, -1).map((cell) => cell.trim());
}
