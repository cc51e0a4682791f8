/**
 * Site keys: the first caller that speaks for a site binds it to its key, or, without one, to its token; another
 * caller in mode leaf is SITE_TAKEN.
 *
 * Only hashes are kept. A site bound to a token is taken by whoever shows that token, with a key or without.
 */
import { ReplicationError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { SiteId } from '../core/site-id.ts';
import { hexFromBytes } from '../core/site-id.ts';
import { KeyedQueue } from './keyed-queue.ts';

export interface Pin {
  readonly kind: 'key' | 'token';
  /** SHA-256, hex. */
  readonly hash: string;
}

/** Keeps pins; put() resolves once the pin is durable. */
export interface PinStore {
  get(dbid: string, site: SiteId): Promise<Pin | undefined>;
  put(dbid: string, site: SiteId, pin: Pin): Promise<void>;
}

export interface Speaker {
  readonly dbid: string;
  /** The site it wants to speak for. */
  readonly site: SiteId;
  readonly siteKey: string | undefined;
  readonly token: string | undefined;
}

const KEY_FORM = /^[0-9a-fA-F]{32,128}$/;

export class SitePins {
  readonly #store: PinStore;
  /** One caller a site at a time: of two first sights at once, the second must see the first. */
  readonly #queue = new KeyedQueue();

  constructor(store: PinStore) {
    this.#store = store;
  }

  /** Errors  SITE_TAKEN; BAD_REQUEST for a key that is no hex of 16 to 64 bytes. */
  async admit(speaker: Speaker): Promise<void> {
    const { dbid, site, siteKey, token } = speaker;
    if (siteKey !== undefined && !KEY_FORM.test(siteKey)) {
      throw new ReplicationError('BAD_REQUEST', 'a site key is 32 to 128 hex digits');
    }
    const tokenHash = await hashOf(`token:${token ?? ''}`);
    const keyHash = siteKey === undefined ? undefined : await hashOf(`key:${siteKey.toLowerCase()}`);
    const pin: Pin = keyHash === undefined ? { kind: 'token', hash: tokenHash } : { kind: 'key', hash: keyHash };
    await this.#queue.run(`${dbid} ${site}`, async () => {
      const known = await this.#store.get(dbid, site);
      if (known === undefined) return this.#store.put(dbid, site, pin);
      if (known.hash !== (known.kind === 'key' ? keyHash : tokenHash)) throw siteTaken(site, siteKey);
    });
  }
}

export type PinLimits = Pick<Limits, 'sitesMax' | 'siteKeysMax'>;

/** Pins in memory. Bounded for each database, so that who fills one keeps nobody out of the others, and in all. */
export class PinTable {
  readonly #limits: PinLimits;
  readonly #pinsByDatabase = new Map<string, Map<SiteId, Pin>>();
  #count = 0;

  constructor(limits: PinLimits) {
    this.#limits = limits;
  }

  get(dbid: string, site: SiteId): Pin | undefined {
    return this.#pinsByDatabase.get(dbid)?.get(site);
  }

  /** Errors  LIMIT_EXCEEDED when the database, or all together, have as many as they may. */
  assertRoom(dbid: string): void {
    const { sitesMax, siteKeysMax } = this.#limits;
    if ((this.#pinsByDatabase.get(dbid)?.size ?? 0) >= sitesMax) throw noRoom(`${sitesMax} sites of '${dbid}'`);
    if (this.#count >= siteKeysMax) throw noRoom(`${siteKeysMax} sites of all its databases`);
  }

  set(dbid: string, site: SiteId, pin: Pin): void {
    const pins = this.#pinsByDatabase.get(dbid) ?? new Map<SiteId, Pin>();
    this.#pinsByDatabase.set(dbid, pins);
    if (!pins.has(site)) this.#count++;
    pins.set(site, pin);
  }
}

/** Pins of a relay without a place to keep them: bound for as long as it runs. */
export function memoryPinStore(limits: PinLimits): PinStore {
  const pins = new PinTable(limits);
  return {
    get: async (dbid, site) => pins.get(dbid, site),
    async put(dbid, site, pin) {
      pins.assertRoom(dbid);
      pins.set(dbid, site, pin);
    },
  };
}

function noRoom(what: string): ReplicationError {
  return new ReplicationError('LIMIT_EXCEEDED', `this relay knows ${what}, its limit: ask its owner to raise it`);
}

function siteTaken(site: SiteId, shown: string | undefined): ReplicationError {
  const how = shown === undefined ? 'no key was shown (header Crmesh-Site-Key, or in hello)' : 'another key was shown';
  return new ReplicationError('SITE_TAKEN', `site ${site} belongs to somebody else here: ${how}`, { site });
}

async function hashOf(text: string): Promise<string> {
  return hexFromBytes(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))));
}
