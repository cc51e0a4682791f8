/** A folder in which the built package is installed, for apps that use it by its name. Needs `npm run build`. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';

const root = process.cwd();

export class AppFolder {
  readonly path: string = mkdtempSync(join(tmpdir(), 'crmesh-app-'));

  constructor() {
    installPackage(join(this.path, 'node_modules'));
  }

  /** An app of its own, and where it lies. */
  add(name: string, files: Readonly<Record<string, string>>): string {
    const place = join(this.path, name);
    mkdirSync(place);
    for (const [path, text] of Object.entries(files)) writeFileSync(join(place, path), text);
    return place;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** All files below a folder, by the path under which a server would have them. */
export function filesIn(place: string): Record<string, Uint8Array> {
  const files: Record<string, Uint8Array> = {};
  for (const entry of readdirSync(place, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files[`/${relative(place, path)}`] = readFileSync(path);
  }
  return files;
}

/** As npm does: the built package, and what it depends on beside it. */
function installPackage(modules: string): void {
  for (const file of ['package.json', 'dist']) {
    cpSync(join(root, file), join(modules, 'crmesh', file), { recursive: true });
  }
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  for (const name of Object.keys(dependencies)) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), join(modules, name));
  }
}
