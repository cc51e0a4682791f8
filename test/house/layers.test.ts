/** The house of src/ARCHITECTURE.md: who may import whom, and which room may touch the outside. */
import { builtinModules } from 'node:module';
import { describe, expect, test } from 'vitest';
import { codeOnly, filesUnder, importsOf, lineAt, resolvedImport, type SourceFile } from './house.ts';

/** Room -> floor; a file at the top of src is a door. */
const floorByRoom: Readonly<Record<string, number>> = {
  core: 0,
  wire: 1,
  sqlite: 1,
  transport: 1,
  session: 2,
  store: 2,
  replica: 3,
  relay: 4,
  doors: 5,
  cli: 6,
  testkit: 6,
};
const storage = ['sqlite', 'store'];
const conversation = ['wire', 'session', 'transport'];
/** Rooms that may use Node's and the browser's own modules and globals. */
const outside = ['sqlite', 'transport', 'doors', 'cli', 'testkit'];

const roomOf = (path: string): string => {
  const [, room, rest] = path.split('/');
  return rest === undefined ? 'doors' : room!;
};
const floorOf = (path: string): number => floorByRoom[roomOf(path)] ?? -1;
const files = filesUnder(['src'], ['.ts']);
const filesOutside = files.filter((file) => !outside.includes(roomOf(file.path)));

const importsByFile = new Map<string, readonly string[]>(files.map((file) => [file.path, importsOf(file.text)]));
const ownImports = (file: SourceFile): string[] =>
  importsByFile.get(file.path)!.flatMap((name) => resolvedImport(file, name) ?? []);
const foreignImports = (file: SourceFile): string[] =>
  importsByFile.get(file.path)!.filter((name) => !name.startsWith('.'));

function isAllowed(from: string, to: string): boolean {
  const [here, there] = [roomOf(from), roomOf(to)];
  if (here === there) return true;
  if (storage.includes(here) && conversation.includes(there)) return false;
  if (conversation.includes(here) && storage.includes(there)) return false;
  if (here === 'relay' && storage.includes(there)) return false;
  return floorOf(to) < floorOf(from);
}

describe('layers', () => {
  test('every file of src stands in a room of the house', () => {
    expect(files.filter((file) => floorOf(file.path) < 0).map((file) => file.path)).toEqual([]);
    expect(files.length).toBeGreaterThan(10);
  });

  test('a file imports its own folder or a lower floor, and the towers stay apart', () => {
    const wrong = files.flatMap((file) =>
      ownImports(file).flatMap((to) =>
        to.startsWith('src/') && isAllowed(file.path, to) ? [] : [`${file.path} -> ${to}`],
      ),
    );
    expect(wrong).toEqual([]);
  });

  test('examples have the package by its name, as any app, and nothing else of the house', () => {
    const wrong = filesUnder(['examples'], ['.ts', '.tsx']).flatMap((file) =>
      importsOf(file.text)
        .map((name) => resolvedImport(file, name) ?? name)
        .filter((to) => !/^(?:crmesh|react|react-dom\/client|vite|node:url)$|^examples\//.test(to))
        .map((to) => `${file.path} -> ${to}`),
    );
    expect(wrong).toEqual([]);
  });

  test('the two engines do not know each other', () => {
    const engine = (path: string): string | undefined => /^src\/sqlite\/(wasm|native)\//.exec(path)?.[1];
    const wrong = files.flatMap((file) =>
      ownImports(file)
        .filter((to) => engine(file.path) !== undefined && engine(to) !== undefined && engine(file.path) !== engine(to))
        .map((to) => `${file.path} -> ${to}`),
    );
    expect(wrong).toEqual([]);
  });

  test('imports of our own files carry the .ts ending', () => {
    const wrong = files.flatMap((file) =>
      ownImports(file)
        .filter((to) => !to.endsWith('.ts'))
        .map((to) => `${file.path} -> ${to}`),
    );
    expect(wrong).toEqual([]);
  });

  test('npm packages are imported only in sqlite, transport, wire (msgpackr), doors and cli', () => {
    const isPackage = (name: string): boolean => !name.startsWith('node:') && !builtinModules.includes(name);
    const wrong = files.flatMap((file) =>
      foreignImports(file)
        .filter(isPackage)
        .filter((name) => {
          const room = roomOf(file.path);
          return !(outside.includes(room) || (room === 'wire' && name.startsWith('msgpackr')));
        })
        .map((name) => `${file.path} -> ${name}`),
    );
    expect(wrong).toEqual([]);
  });

  test("Node's modules are imported only in sqlite, transport, doors, cli and testkit", () => {
    const wrong = filesOutside.flatMap((file) =>
      foreignImports(file)
        .filter((name) => name.startsWith('node:') || builtinModules.includes(name))
        .map((name) => `${file.path} -> ${name}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe('ambient things', () => {
  const found = (subjects: readonly SourceFile[], pattern: RegExp): string[] =>
    subjects.flatMap((file) => {
      const code = codeOnly(file.text);
      return [...code.matchAll(pattern)].map((match) => `${file.path}:${lineAt(code, match.index)} ${match[0]}`);
    });

  test("Node's and the browser's own globals stay in sqlite, transport, doors, cli and testkit", () => {
    const pattern =
      /(?<![.\w])(?:process\.\w+|Buffer\b|__dirname|__filename|require\(|document\.\w+|navigator\.\w+|localStorage|indexedDB|setImmediate\b|globalThis\.\w+)/g;
    expect(found(filesOutside, pattern)).toEqual([]);
  });

  test('clock, randomness and timers are parameters below the doors', () => {
    const pattern =
      /(?<![.\w])(?:Date\.now|new Date\(\s*\)|performance\.now|Math\.random|crypto\.(?:getRandomValues|randomUUID)|setTimeout\(|setInterval\()/g;
    expect(found(filesOutside, pattern)).toEqual([]);
  });

  test('no module keeps state: no top-level let, no empty top-level Map or Set', () => {
    const pattern =
      /^(?:export )?(?:let\b|(?:const|var) (?!empty)\w+[^=\n]*= new (?:Map|Set|WeakMap|WeakSet)(?:<[^\n]*>)?\(\s*\)).*/gm;
    expect(found(files, pattern)).toEqual([]);
  });
});

describe('shape', () => {
  test('no file imports itself round a circle', () => {
    const targets = new Map(files.map((file) => [file.path, ownImports(file)]));
    const state = new Map<string, 'open' | 'done'>();
    const circles: string[] = [];
    const visit = (path: string, trail: readonly string[]): void => {
      if (state.get(path) === 'done') return;
      if (state.get(path) === 'open') {
        circles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
        return;
      }
      state.set(path, 'open');
      for (const to of targets.get(path) ?? []) visit(to, [...trail, path]);
      state.set(path, 'done');
    };
    for (const file of files) visit(file.path, []);
    expect(circles).toEqual([]);
  });

  test('only doors re-export: there are no barrels', () => {
    const pattern = /^export\s+(?:type\s+)?(?:\*|\{[^}]*\})\s*(?:as\s+\w+\s+)?from\b/m;
    const wrong = files.filter((file) => roomOf(file.path) !== 'doors' && pattern.test(codeOnly(file.text)));
    expect(wrong.map((file) => file.path)).toEqual([]);
  });
});
