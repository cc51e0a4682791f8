/** Cities by the beginning of their name, out of all that are replicated here; an index finds them. */
import type { BrowserDatabase } from 'crmesh';

export interface City {
  readonly id: number;
  readonly name: string;
  readonly country: string;
  readonly admin1: string | null;
}

const citiesShown = 8;
const beginSql = `
  SELECT id, name, country, admin1 FROM city
   WHERE name COLLATE NOCASE >= ? AND name COLLATE NOCASE < ?
   ORDER BY name COLLATE NOCASE, country LIMIT ${citiesShown}`;

export async function citiesThatBegin(db: BrowserDatabase, text: string): Promise<readonly City[]> {
  const begin = text.trim();
  if (begin === '') return [];
  return db.query<City>(beginSql, [begin, `${begin}\u{10ffff}`]);
}

const regionNames = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'code' });

/** 'CH' -> 'Switzerland'; what is no country code stays as it is. */
export function countryName(code: string | null): string {
  return code !== null && /^[A-Z]{2}$/.test(code) ? (regionNames.of(code) ?? code) : (code ?? '');
}

/** 'Springfield, IL, United States': regions that are letters say something, numbers do not. */
export function placeName({ name, country, admin1 }: Omit<City, 'id'>): string {
  const region = admin1 !== null && /^[A-Z]{2,3}$/.test(admin1) ? admin1 : '';
  return [name, region, countryName(country)].filter((part) => part !== '').join(', ');
}
