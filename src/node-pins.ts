/**
 * Site keys on Node: a file in the relay's folder, read at the first question.
 */
import { existsSync } from 'node:fs';
import { open as openFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isSiteId } from './core/site-id.ts';
import type { PinLimits, PinStore } from './relay/site-pins.ts';
import { PinTable } from './relay/site-pins.ts';

const PINS_FILE = 'crmesh-pins.ndjson';

/** First-seen site keys, one JSON line each, synced to disk before they count. */
export function filePins(dir: string, limits: PinLimits): PinStore {
  const path = join(dir, PINS_FILE);
  let pins: Promise<PinTable> | undefined;
  const append = inBatches((lines) => appendLines(path, lines));
  const loaded = (): Promise<PinTable> =>
    (pins ??= readPins(path, limits).catch((error: unknown) => {
      pins = undefined;
      throw error;
    }));
  return {
    get: async (dbid, site) => (await loaded()).get(dbid, site),
    async put(dbid, site, pin) {
      const table = await loaded();
      table.assertRoom(dbid);
      await append(JSON.stringify({ dbid, site, ...pin }));
      table.set(dbid, site, pin);
    },
  };
}

/** Lines that come while others are written share one sync: who pins many sites makes nobody wait for each of them. */
function inBatches(write: (lines: readonly string[]) => Promise<void>): (line: string) => Promise<void> {
  let last: Promise<unknown> = Promise.resolve();
  let next: { readonly lines: string[]; readonly written: Promise<void> } | undefined;
  return (line) => {
    if (next !== undefined) {
      next.lines.push(line);
      return next.written;
    }
    const lines = [line];
    const written = last.then(() => {
      next = undefined;
      return write(lines);
    });
    next = { lines, written };
    last = written.catch(() => undefined);
    return written;
  };
}

async function appendLines(path: string, lines: readonly string[]): Promise<void> {
  const file = await openFile(path, 'a');
  try {
    // The line break comes first: a line that a power cut left half is not continued.
    await file.write(lines.map((line) => `\n${line}`).join(''));
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Line by line: the whole may be more than one text can hold. What is above the bounds stays bound. */
async function readPins(path: string, limits: PinLimits): Promise<PinTable> {
  const pins = new PinTable(limits);
  if (!existsSync(path)) return pins;
  const file = await openFile(path);
  for await (const line of file.readLines()) {
    const { dbid, site, kind, hash } = fieldsOf(line);
    const known = kind === 'key' || kind === 'token';
    if (known && typeof dbid === 'string' && isSiteId(site) && typeof hash === 'string') {
      pins.set(dbid, site, { kind, hash });
    }
  }
  return pins;
}

function fieldsOf(line: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(line)) as Record<string, unknown>;
  } catch {
    return {};
  }
}
