/**
 * What the house tests read: the project's files, their text without comments and strings, and their imports.
 *
 * Works in any copy of the project, with or without git; never reads what is made (dist, node_modules).
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout's top folder. */
export const root: string = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

export interface SourceFile {
  /** Path from the top folder, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** Folders that are made, not written. */
const madeFolders = ['node_modules', 'dist', 'coverage', 'data', '.git'];

/** Files under `folders` whose path ends with one of `endings`, sorted. */
export function filesUnder(folders: readonly string[], endings: readonly string[]): readonly SourceFile[] {
  return folders
    .flatMap((folder) => pathsUnder(folder === '.' ? '' : folder))
    .filter((path) => endings.some((ending) => path.endsWith(ending)))
    .sort()
    .map((path) => ({ path, text: readText(path) }));
}

function pathsUnder(folder: string): string[] {
  if (!pathExists(folder)) return [];
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    if (!entry.isDirectory()) return [path];
    return madeFolders.includes(entry.name) ? [] : pathsUnder(path);
  });
}

export function readText(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

export function pathExists(path: string): boolean {
  return existsSync(join(root, path));
}

/** Module names of static and dynamic imports and re-exports, as written. */
export function importsOf(text: string): readonly string[] {
  const code = codeOnly(text);
  const pattern = /(?:\bfrom\s*|\bimport\s*\(\s*|\bimport\s+)(['"])([^'"\n]+)\1/g;
  return [...withoutComments(text).matchAll(pattern)]
    .filter((match) => /^(?:from|import)/.test(code.slice(match.index)))
    .map((match) => match[2]!);
}

/** A relative import as a path from the top folder; undefined for a package or a Node module. */
export function resolvedImport(file: SourceFile, name: string): string | undefined {
  return name.startsWith('.') ? posix.normalize(posix.join(posix.dirname(file.path), name)) : undefined;
}

/** The text with comments blanked; line numbers stay. */
export function withoutComments(text: string): string {
  return blanked(text, { strings: false });
}

/** The text with comments and the insides of strings, templates and patterns blanked; line numbers stay. */
export function codeOnly(text: string): string {
  return blanked(text, { strings: true });
}

/** Comments, strings, templates and patterns in the order they are tried at one place. */
const pieces: readonly { readonly kind: 'comment' | 'string' | 'pattern'; readonly at: RegExp }[] = [
  { kind: 'comment', at: /\/\/[^\n]*|\/\*[\s\S]*?\*\//y },
  { kind: 'string', at: /'(?:\\[\s\S]|[^'\\\n])*'|"(?:\\[\s\S]|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`/y },
  { kind: 'pattern', at: /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/y },
];

function blanked(text: string, options: { readonly strings: boolean }): string {
  let out = '';
  for (let i = 0; i < text.length;) {
    const piece = pieceAt(text, i, out);
    if (piece === undefined) {
      out += text[i];
      i += 1;
      continue;
    }
    const keep = piece.kind !== 'comment' && !options.strings;
    out += keep ? piece.text : piece.text.replaceAll(/[^\n]/g, ' ');
    i += piece.text.length;
  }
  return out;
}

function pieceAt(text: string, index: number, before: string): { kind: string; text: string } | undefined {
  for (const { kind, at } of pieces) {
    if (kind === 'pattern' && !patternMayStart(before)) continue;
    at.lastIndex = index;
    const match = at.exec(text);
    if (match !== null) return { kind, text: match[0] };
  }
  return undefined;
}

/** A slash after an operator or an opening bracket starts a pattern; after a value it divides. */
function patternMayStart(before: string): boolean {
  return /(?:^|[(,=:[!&|?{};+\-*%~^<>]|\breturn|\bcase|=>)\s*$/.test(before.slice(-40));
}

/** 1-based line of an offset. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}
