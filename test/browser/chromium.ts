/**
 * A Chromium for the tests: the one that CRMESH_CHROMIUM names, the machine's own, or the one in the npm package
 * @sparticuz/chromium, which is unpacked once. Nothing is downloaded.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Browser, BrowserContext } from 'playwright-core';
import { chromium } from 'playwright-core';

const INSTALLED = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const UNPACKED = join(process.cwd(), 'node_modules', '.cache', 'crmesh-chromium');
const ARGUMENTS = [
  '--no-sandbox',
  // A tab a process, so that one can be killed alone.
  '--renderer-process-limit=100',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** One browser process; contexts in it are private and forgotten. */
export async function launchChromium(...more: readonly string[]): Promise<Browser> {
  const args = [...ARGUMENTS, ...more];
  return explained(async () => chromium.launch({ executablePath: await chromiumPath(), args }));
}

/** A browser process on a profile of its own, found again when it is opened on the same folder. */
export async function launchProfile(folder: string): Promise<BrowserContext> {
  return explained(async () =>
    chromium.launchPersistentContext(folder, { executablePath: await chromiumPath(), args: ARGUMENTS }),
  );
}

export interface PlainBrowser {
  readonly context: BrowserContext;
  close(): Promise<void>;
}

/** As launchProfile, but its pages are hidden, frozen and kept as a user's are: nothing pretends that they are seen. */
export async function launchPlain(folder: string): Promise<PlainBrowser> {
  return explained(async () => {
    const own = ['--headless', '--remote-debugging-port=0', `--user-data-dir=${folder}`, 'about:blank'];
    const child = spawn(await chromiumPath(), [...ARGUMENTS, ...own], { stdio: ['ignore', 'ignore', 'pipe'] });
    const ended = once(child, 'exit');
    const kill = async (): Promise<void> => {
      child.kill();
      await ended;
    };
    const address = await new Promise<string>((resolve, reject) => {
      let said = '';
      child.once('error', reject);
      child.once('exit', () => reject(new Error(said)));
      child.stderr.on('data', (bytes: Buffer) => {
        said += String(bytes);
        const found = /listening on (ws:\S+)/.exec(said)?.[1];
        if (found !== undefined) resolve(found);
      });
    });
    try {
      const browser = await chromium.connectOverCDP(address, { noDefaults: true });
      return { context: browser.contexts()[0]!, close: kill };
    } catch (error) {
      await kill();
      throw error;
    }
  });
}

/** An empty folder for a profile; remove it with removeFolder(). */
export function profileFolder(): string {
  return mkdtempSync(join(tmpdir(), 'crmesh-profile-'));
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

async function chromiumPath(): Promise<string> {
  const named = process.env['CRMESH_CHROMIUM'];
  if (named !== undefined) return named;
  const installed = INSTALLED.find((path) => existsSync(path));
  return installed ?? unpackedPath();
}

/** Unpacked beside its place and moved there whole, so that two test processes do not meet a half-made one. */
async function unpackedPath(): Promise<string> {
  const path = join(UNPACKED, 'chromium');
  if (existsSync(path)) return path;
  mkdirSync(dirname(UNPACKED), { recursive: true });
  const folder = mkdtempSync(`${UNPACKED}-`);
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = folder;
  try {
    const { default: packed } = await import('@sparticuz/chromium');
    await packed.executablePath();
    renameSync(folder, UNPACKED);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    if (!existsSync(path)) throw error;
  } finally {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  }
  return path;
}

async function explained<T>(launch: () => Promise<T>): Promise<T> {
  try {
    return await launch();
  } catch (cause) {
    const advice =
      'no Chromium could be started for the browser tests. Run npm ci (the package @sparticuz/chromium brings one), ' +
      'or install one (apt-get install chromium), or name one: CRMESH_CHROMIUM=/path/to/chromium npm test';
    throw new Error(`${advice}\n${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
