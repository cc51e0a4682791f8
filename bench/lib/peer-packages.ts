/**
 * npm packages of peers, installed when they are asked for, each peer in a folder of its own: one that does not
 * install takes no other with it. Pinned versions; never dependencies of crmesh.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Contender } from '../contenders/contender.ts';

export type Installed = { readonly folder: string } | { readonly why: string };

const INSTALL_MS_MAX = 180_000;
const DONE = 'installed.txt';

/** Installs what is not there yet. */
export async function installPackages(contender: Contender, note: (text: string) => void): Promise<Installed> {
  const folder = folderOf(contender);
  const wanted = contender.packages.join('\n');
  const done = join(folder, DONE);
  if (existsSync(done) && readFileSync(done, 'utf8') === wanted) return { folder };
  note(`installing ${contender.packages.join(' ')} into ${folder}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  writeFileSync(join(folder, 'load.mjs'), 'export const load = (name) => import(name);\n');
  const words = ['install', '--no-audit', '--no-fund', '--loglevel=error', '--legacy-peer-deps'];
  const scripts = contender.ignoreScripts === true ? ['--ignore-scripts'] : [];
  const said = await npm(folder, [...words, ...scripts, ...contender.packages]);
  if (said !== undefined) return { why: whyNot(said) };
  writeFileSync(done, wanted);
  return { folder };
}

/** Beside the project's own packages; else in this user's cache, where nobody else can put code. */
function folderOf({ name }: Contender): string {
  const project = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
  const modules = join(project, 'node_modules');
  const cache = existsSync(modules) ? join(modules, '.cache') : join(homedir(), '.cache');
  return join(cache, 'crmesh-bench-peers', name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-'));
}

/** What npm said when it failed; undefined when it did not. */
function npm(folder: string, words: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn('npm', words, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], timeout: INSTALL_MS_MAX });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (piece: string) => (said += piece));
    }
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code) => resolve(code === 0 ? undefined : said));
  });
}

function whyNot(said: string): string {
  if (/ENOTFOUND registry|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|network request to/i.test(said)) {
    return 'the npm registry cannot be reached: connect, or set npm config registry';
  }
  if (/ENOTFOUND|ECONNREFUSED|ENETUNREACH|ETIMEDOUT/.test(said)) {
    return 'its native part is absent: an install script of it downloads it from a place that cannot be reached here';
  }
  const reason = /(?:Error: |npm error )((?:getaddrinfo|.*prebuil|.*gyp|.*E[A-Z]{4,}).*)/.exec(said)?.[1];
  return `its packages do not install here: ${reason ?? said.trim().split('\n').at(-1) ?? 'npm failed'}`;
}
