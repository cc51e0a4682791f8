/** Documents that cannot go stale: links, paths, error codes and dependencies are checked against the project. */
import { posix } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ERROR_TABLE, type ErrorCode } from '../../src/core/errors.ts';
import { filesUnder, pathExists, readText, type SourceFile } from './house.ts';

const documents = filesUnder(['.'], ['.md']);
const sources = filesUnder(['src', 'test', 'bench', 'examples'], ['.ts', '.tsx']);

interface Link {
  readonly from: string;
  readonly target: string;
  readonly anchor: string | undefined;
}

function linksOf(file: SourceFile): Link[] {
  const prose = file.text.replaceAll(/```[\s\S]*?```/g, '').replaceAll(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g)]
    .map((match) => match[1]!)
    .filter((href) => !/^[a-z]+:/i.test(href))
    .map((href) => {
      const [path = '', anchor] = href.split('#');
      const target = path === '' ? file.path : posix.normalize(posix.join(posix.dirname(file.path), path));
      return { from: file.path, target, anchor };
    });
}

function anchorsOf(path: string): Set<string> {
  const prose = readText(path).replaceAll(/```[\s\S]*?```/g, '');
  return new Set(
    [...prose.matchAll(/^#+ (.+)$/gm)].map((match) =>
      match[1]!
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .trim()
        .replaceAll(' ', '-'),
    ),
  );
}

describe('documents', () => {
  test('the documents of the house are there', () => {
    const names = [
      'README.md',
      'src/ARCHITECTURE.md',
      'src/GLOSSARY.md',
      'src/PROTOCOL.md',
      'bench/README.md',
      'LICENSE',
    ];
    expect(names.filter((name) => !pathExists(name))).toEqual([]);
  });

  test('relative links lead somewhere', () => {
    const dead = documents.flatMap(linksOf).filter((link) => {
      if (!pathExists(link.target)) return true;
      return link.anchor !== undefined && link.target.endsWith('.md') && !anchorsOf(link.target).has(link.anchor);
    });
    expect(dead).toEqual([]);
  });

  test('paths in backticks exist', () => {
    const dead = documents.flatMap((file) =>
      [...file.text.matchAll(/`((?:src|test|bench|examples|rust-port-notes)\/[\w./-]+)`/g)]
        .map((match) => match[1]!)
        .filter((path) => !pathExists(path))
        .map((path) => `${file.path}: ${path}`),
    );
    expect(dead).toEqual([]);
  });

  test('Source lines of doc comments name files that exist', () => {
    const dead = sources.flatMap((file) =>
      [...file.text.matchAll(/^\s*\*\s+Source\s+(.*(?:\n\s*\*\s{3,}.*)*)/gm)].flatMap((match) =>
        [...match[1]!.matchAll(/[\w./-]+\.(?:ts|md|hex|json|sql)\b/g)]
          .map((path) => path[0])
          .filter((path) => !pathExists(path) && !pathExists(`src/${path}`))
          .map((path) => `${file.path}: ${path}`),
      ),
    );
    expect(dead).toEqual([]);
  });
});

describe('error codes', () => {
  const protocol = pathExists('src/PROTOCOL.md') ? readText('src/PROTOCOL.md') : '';
  const rows = new Map(
    [...protocol.matchAll(/^\|\s*`?([A-Z][A-Z_]+)`?\s*\|(.*)\|\s*$/gm)].map((match) => [
      match[1]!,
      match[2]!.split('|').map((cell) => cell.trim()),
    ]),
  );
  const codes = Object.keys(ERROR_TABLE) as ErrorCode[];

  test('every code stands in PROTOCOL.md as the table has it', () => {
    const wrong = codes.filter((code) => {
      const { fault, retry, status, close } = ERROR_TABLE[code];
      const cells = rows.get(code);
      return cells === undefined || cells.slice(0, 4).join() !== [fault, retry, status, close].join() || !cells[4];
    });
    expect(wrong).toEqual([]);
  });

  test('PROTOCOL.md documents no code that the table lacks', () => {
    expect([...rows.keys()].filter((code) => !Object.hasOwn(ERROR_TABLE, code))).toEqual([]);
  });

  test('every code is met by a test', () => {
    const tests = sources.filter((file) => file.path.startsWith('test/') && !file.path.startsWith('test/house/'));
    const text = tests.map((file) => file.text).join('\n');
    expect(codes.filter((code) => !new RegExp(`['"\`]${code}\\b`).test(text))).toEqual([]);
  });

  test('every code is thrown or sent by a source', () => {
    const text = sources
      .filter((file) => file.path.startsWith('src/') && file.path !== 'src/core/errors.ts')
      .map((file) => file.text)
      .join('\n');
    const own = readText('src/core/errors.ts').slice(readText('src/core/errors.ts').indexOf('export class'));
    expect(codes.filter((code) => !`${text}${own}`.includes(`'${code}'`))).toEqual([]);
  });
});

describe('dependencies', () => {
  test("every dependency has a row with its reason in the README's table", () => {
    const manifest = JSON.parse(readText('package.json')) as Record<string, Record<string, string> | undefined>;
    const names = ['dependencies', 'devDependencies', 'peerDependencies'].flatMap((key) =>
      Object.keys(manifest[key] ?? {}),
    );
    const readme = readText('README.md');
    const row = (name: string): boolean =>
      readme
        .split('\n')
        .some(
          (line) =>
            line.startsWith('|') &&
            line.split('|')[1]!.includes(`\`${name}\``) &&
            /\w{3}/.test(line.split('|')[2] ?? ''),
        );
    expect(names.filter((name) => !row(name))).toEqual([]);
  });
});
