/**
 * The marker of a database file on Node: its side file, as the store wants it. Wiring only.
 */
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { EraNonce } from './core/cursor.ts';
import { isEraNonce } from './core/cursor.ts';
import type { Log } from './core/runtime.ts';
import { isSiteId } from './core/site-id.ts';
import { SideFile } from './sqlite/side-file.ts';
import type { IdentityMarker, Marker } from './store/identity-marker.ts';
import type { NewSite, StoreOptions } from './store/open-store.ts';

/** What openStore needs for a file: make it just before, since the side file is looked at before the database is. */
export function identityOptions(path: string, log: Log): Pick<StoreOptions, 'marker' | 'onNewSite'> {
  // Without its folder the database cannot be opened either, and the engine says so.
  if (path === ':memory:' || !existsSync(dirname(resolve(path)))) return {};
  return { marker: sideFileMarker(path), onNewSite: (change) => tellNewSite(path, change, log) };
}

function sideFileMarker(path: string): IdentityMarker {
  const file = new SideFile(path);
  let text = '';
  let announcedSoFar = 0;
  return {
    read() {
      const record = file.read();
      return record === undefined ? undefined : markerFrom(record);
    },
    write({ site, nonces, announced }) {
      announcedSoFar = announced;
      text = JSON.stringify({ site, nonces });
      file.write(text, announced);
    },
    announce(announced) {
      announcedSoFar = announced;
      if (!file.raise(announced)) file.write(text, announced);
    },
    closed: () => file.noteClosed(announcedSoFar),
  };
}

function markerFrom({ text, counter, foreign }: NonNullable<ReturnType<SideFile['read']>>): Marker | undefined {
  const { site, nonces } = fieldsOf(text);
  if (!isSiteId(site) || !isNonces(nonces)) return undefined;
  return { site, nonces, announced: counter, ...(foreign === undefined ? {} : { foreign }) };
}

function isNonces(value: unknown): value is EraNonce[] {
  return Array.isArray(value) && value.every(isEraNonce);
}

function fieldsOf(text: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    return {};
  }
}

function tellNewSite(path: string, { site, former, reason }: NewSite, log: Log): void {
  const message = `${path} has the new site id ${site} (it was ${former}): ${reason}, so another copy may write under the old one`;
  log.warn({ code: 'SITE_CONFLICT', path, site, former }, message);
}
