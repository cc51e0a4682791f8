/** Hand-written checks of decoded control fields: each returns the branded type or throws FRAME_MALFORMED. */
import type { EraNonce } from '../core/cursor.ts';
import { isEraNonce } from '../core/cursor.ts';
import type { SiteId } from '../core/site-id.ts';
import { isSiteId } from '../core/site-id.ts';
import { isVersionNumber } from '../core/version.ts';
import { malformed } from './byte-reader.ts';

export type Fields = Readonly<Record<string, unknown>>;

export function fieldsFrom(value: unknown): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw malformed('a control message is not a map');
}

export function textField(fields: Fields, name: string, lengthMax: number): string {
  const value = fields[name];
  if (typeof value === 'string' && value.length <= lengthMax) return value;
  throw malformed(`${name} is no text of at most ${lengthMax} characters`);
}

export function optionalText(fields: Fields, name: string, lengthMax: number): string | undefined {
  return fields[name] === undefined ? undefined : textField(fields, name, lengthMax);
}

export function numberField(fields: Fields, name: string): number {
  const value = fields[name];
  if (isVersionNumber(value)) return value;
  throw malformed(`${name} is no whole number`);
}

export function bytesField(fields: Fields, name: string): Uint8Array {
  const value = fields[name];
  if (value instanceof Uint8Array) return value;
  throw malformed(`${name} is not binary`);
}

export function listField(fields: Fields, name: string, lengthMax: number): readonly unknown[] {
  const value = fields[name];
  if (Array.isArray(value) && value.length <= lengthMax) return value;
  throw malformed(`${name} is no list of at most ${lengthMax}`);
}

export function siteFrom(value: unknown): SiteId {
  if (isSiteId(value)) return value;
  throw malformed('not a site id');
}

export function eraFrom(value: unknown): EraNonce {
  if (isEraNonce(value)) return value;
  throw malformed('not an era');
}

export function oneOf<T extends string>(value: unknown, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value);
  if (found !== undefined) return found;
  throw malformed(`expected one of ${allowed.join(', ')}`);
}
