/** Rows as a table of text: numbers to the right, everything else to the left. */

export type TextCell = string | number | bigint | null | undefined;

const cellCharactersMax = 60;

/** Lines with aligned columns under their names; '(no rows)' for none. */
export function textTable(rows: readonly Readonly<Record<string, TextCell>>[]): string {
  const names = Object.keys(rows[0] ?? {});
  if (names.length === 0) return '(no rows)';
  const cells = rows.map((row) => names.map((name) => cellText(row[name])));
  const widths = names.map((name, column) => Math.max(name.length, ...cells.map((row) => row[column]!.length)));
  const isNumber = names.map((name) => rows.every((row) => typeof row[name] !== 'string'));
  const line = (row: readonly string[]): string =>
    row
      .map((text, i) => (isNumber[i] ? text.padStart(widths[i]!) : text.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd();
  return [line(names), line(widths.map((width) => '-'.repeat(width))), ...cells.map(line)].join('\n');
}

function cellText(value: TextCell): string {
  if (value === null || value === undefined) return '';
  const text = String(value).replaceAll(/\s/g, ' ');
  return text.length > cellCharactersMax ? `${text.slice(0, cellCharactersMax - 1)}…` : text;
}
