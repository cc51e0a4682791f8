/** A section as text for a terminal, and as its place in bench/README.md with a picture for each chart. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { textTable } from '../../src/cli/text-table.ts';
import { barChart } from './bar-chart.ts';
import { markdownTable, type Section, type Table } from './table.ts';

export function sectionText({ title, tables, notes, stamp }: Section): string {
  const bodies = tables.map(({ name, caption, rows }) => `${name}: ${caption}\n\n${textTable(rows)}`);
  return [`${title} (${stamp})`, ...bodies, ...notes].join('\n\n');
}

/**
 * Rewrites the section's place in the README of `folder` (between its two marks, or at the end) and its pictures.
 * Returns the paths that were written.
 */
export function writeSection(folder: string, section: Section): string[] {
  const readme = join(folder, 'README.md');
  const charts = section.tables.map((table, i) => ({ table, svg: barChart(table), file: pictureName(section, i) }));
  mkdirSync(join(folder, 'pictures'), { recursive: true });
  const written = charts.filter(({ svg }) => svg !== undefined);
  for (const { svg, file } of written) writeFileSync(join(folder, file), svg!);
  const pictures = charts.map(({ svg, file }) => (svg === undefined ? undefined : file));
  writeFileSync(readme, withSection(readFileSync(readme, 'utf8'), section, pictures));
  return [readme, ...written.map(({ file }) => join(folder, file))];
}

function pictureName({ workload, tables }: Section, index: number): string {
  return `pictures/${workload}${tables.length > 1 ? `-${index + 1}` : ''}.svg`;
}

/** The document with the section between its marks. */
export function withSection(
  document: string,
  section: Section,
  pictures: readonly (string | undefined)[] = [],
): string {
  const [open, close] = [`<!-- bench ${section.workload} -->`, `<!-- end ${section.workload} -->`];
  const text = `${open}\n\n${sectionMarkdown(section, pictures)}\n\n${close}`;
  const [from, to] = [document.indexOf(open), document.indexOf(close)];
  if (from < 0 || to < from) return `${document.trimEnd()}\n\n${text}\n`;
  return `${document.slice(0, from)}${text}${document.slice(to + close.length)}`;
}

function sectionMarkdown(section: Section, pictures: readonly (string | undefined)[]): string {
  const { title, workload, tables, notes, stamp } = section;
  const blocks = tables.map((table, i) => tableMarkdown(table, pictures[i]));
  const list = notes.map((note) => `- ${note}`).join('\n');
  return [
    `## ${title}`,
    `\`crmesh bench ${workload} --peers\`; ${stamp}.`,
    ...blocks,
    ...(list === '' ? [] : [list]),
  ].join('\n\n');
}

function tableMarkdown({ name, caption, rows }: Table, picture: string | undefined): string {
  const image = picture === undefined ? [] : [`![${name}](${picture})`];
  return [`**${name}.** ${caption}`, markdownTable(rows), ...image].join('\n\n');
}
