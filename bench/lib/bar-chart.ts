/** A bar chart as SVG: horizontal bars in groups, light, readable without colours, on a scale that may be logarithmic. */
import { cellText, type Cell, type Table } from './table.ts';

const WIDTH = 720;
const CHARACTER_WIDTH = 6.6;
const BAR_HEIGHT = 16;
const ROW_HEIGHT = 22;
const HEAD_HEIGHT = 34;
const GROUP_HEIGHT = 26;
const VALUE_WIDTH = 110;
/** From this ratio of the longest to the shortest bar on, the scale is logarithmic. */
const LOGARITHMIC_FROM = 30;

const COLOURS = { crmesh: '#2563a8', floor: '#9aa5b1', peer: '#d9a441' } as const;

interface Bar {
  readonly label: string;
  readonly value: number;
}

/** The picture of a table's chart; undefined when it has none or no number to draw. */
export function barChart({ name, rows, chart }: Table): string | undefined {
  if (chart === undefined) return undefined;
  const groups = new Map<string, Bar[]>();
  for (const row of rows) {
    const value = row[chart.value];
    if (typeof value !== 'number' || !(value > 0)) continue;
    const group = chart.group === undefined ? '' : groupName(row[chart.group], chart.group);
    groups.set(group, [...(groups.get(group) ?? []), { label: cellText(row[chart.label]), value }]);
  }
  if (groups.size === 0) return undefined;
  const all = [...groups.values()].flat();
  const left = 24 + CHARACTER_WIDTH * Math.max(...all.map(({ label }) => label.length));
  const scale = scaleOf(
    all.map(({ value }) => value),
    WIDTH - left - VALUE_WIDTH,
  );
  const parts: string[] = [];
  let y = HEAD_HEIGHT;
  for (const [group, bars] of groups) {
    if (group !== '') {
      y += GROUP_HEIGHT;
      parts.push(text(8, y - 8, group, 'font-weight="600"'));
    }
    for (const bar of bars) {
      parts.push(barLine(bar, { left, y, width: scale.width(bar.value) }, chart.unit));
      y += ROW_HEIGHT;
    }
  }
  const title = `${name}: ${chart.value}${scale.isLogarithmic ? ' (logarithmic scale)' : ''}`;
  return page(y + 10, [text(8, 22, title, 'font-size="15" font-weight="600"'), ...parts]);
}

/** '10,000 rows', or the words that stand there. */
function groupName(cell: Cell | undefined, column: string): string {
  return typeof cell === 'number' ? `${cellText(cell)} ${column}` : cellText(cell);
}

function scaleOf(
  values: readonly number[],
  room: number,
): { readonly isLogarithmic: boolean; width(value: number): number } {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const isLogarithmic = most / least >= LOGARITHMIC_FROM;
  const low = least / 2;
  const share = (value: number): number =>
    isLogarithmic ? Math.log(value / low) / Math.log(most / low) : value / most;
  return { isLogarithmic, width: (value) => Math.max(1, room * share(value)) };
}

interface Place {
  readonly left: number;
  readonly y: number;
  readonly width: number;
}

function barLine({ label, value }: Bar, { left, y, width }: Place, unit: string): string {
  const kind = label.startsWith('crmesh') ? 'crmesh' : /bare|floor|engine/.test(label) ? 'floor' : 'peer';
  const middle = y + BAR_HEIGHT - 4;
  return [
    text(left - 8, middle, label, 'text-anchor="end"'),
    `<rect x="${left.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${BAR_HEIGHT}" rx="2" fill="${COLOURS[kind]}"/>`,
    text(left + width + 6, middle, `${cellText(value)} ${unit}`),
  ].join('\n');
}

function text(x: number, y: number, content: string, attributes = ''): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return `<text x="${x.toFixed(1)}" y="${y}" ${attributes}>${escaped}</text>`;
}

function page(height: number, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12" fill="#1f2933">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    ...parts,
    '</svg>\n',
  ].join('\n');
}
