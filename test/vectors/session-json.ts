/**
 * Events and effects of sessions as JSON and back: maps as objects, bytes in hex, part bodies without their encoding,
 * errors by code and details. Texts for people are left out.
 */
import { isErrorCode, isReplicationError, ReplicationError } from '../../src/core/errors.ts';
import { bytesFromHex, hexFromBytes } from '../../src/core/site-id.ts';

const MAPS = new Set(['coverage', 'claims', 'differing', 'unclaimed', 'growth', 'gaps', 'stated', 'acks', 'digest']);
const SAID_TO_PEOPLE = new Set(['error', 'alarm']);

type Json = Readonly<Record<string, unknown>>;

export function sessionToJson(value: unknown): unknown {
  if (isReplicationError(value)) return { code: value.code, details: sessionToJson(value.details) };
  if (value instanceof Uint8Array) return { hex: hexFromBytes(value) };
  if (Array.isArray(value)) return value.map(sessionToJson);
  if (typeof value !== 'object' || value === null) return value;
  if ('body' in value && 'bytes' in value) return sessionToJson(value.body);
  const isForPeople = 'type' in value && SAID_TO_PEOPLE.has(value.type as string);
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  const kept = entries.filter(([key, one]) => one !== undefined && !(isForPeople && key === 'message'));
  return Object.fromEntries(kept.map(([key, one]) => [key, sessionToJson(one)]));
}

/** What sessionToJson wrote; `name` is the field that the value stands in: some hold maps, and a digest has numbers as keys. */
export function sessionFromJson(value: unknown, name = ''): unknown {
  if (Array.isArray(value)) return value.map((one) => sessionFromJson(one));
  if (typeof value !== 'object' || value === null) return value;
  const json = value as Json;
  if (typeof json['hex'] === 'string') return bytesFromHex(json['hex']);
  if (isErrorCode(json['code']) && 'details' in json && !('type' in json)) {
    return new ReplicationError(json['code'], '', json['details'] as Json);
  }
  if ('span' in json && 'rows' in json) return { body: json, bytes: new Uint8Array() };
  const entries = Object.entries(json).map(([key, one]) => [key, sessionFromJson(one, key)] as const);
  if (!MAPS.has(name)) return withMessageTexts(Object.fromEntries(entries));
  return new Map<unknown, unknown>(name === 'digest' ? entries.map(([key, one]) => [Number(key), one]) : entries);
}

/** The text of an error frame is no part of a vector, but of the message. */
function withMessageTexts(json: Json): Json {
  return json['type'] === 'error' && !('message' in json) ? { ...json, message: '' } : json;
}
