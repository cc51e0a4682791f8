/** Sessions in known states and the messages that lead there; everything is the real core, run event by event. */
import { emptyAcknowledgement } from '../../src/core/acknowledgement.ts';
import { emptyCoverage } from '../../src/core/coverage.ts';
import type { EraNonce } from '../../src/core/cursor.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import type { StoreVersion } from '../../src/core/version.ts';
import { newSession } from '../../src/session/new-session.ts';
import type { SessionEffect, SessionEvent } from '../../src/session/session-event.ts';
import type { LocalFacts, SessionState } from '../../src/session/session-state.ts';
import { step } from '../../src/session/step.ts';
import type { Hello, LinkMode, Message, Welcome, Window } from '../../src/wire/message.ts';
import type { PartBlob } from '../../src/wire/part-blob.ts';

export const SITE_A: SiteId = 'aa'.repeat(16) as SiteId;
export const SITE_B: SiteId = 'bb'.repeat(16) as SiteId;
export const SITE_C: SiteId = 'cc'.repeat(16) as SiteId;
export const ERA_A: EraNonce = '0a'.repeat(16) as EraNonce;
export const ERA_B: EraNonce = '0b'.repeat(16) as EraNonce;
export const SESSION: string = '5e'.repeat(16);

export function at(version: number): StoreVersion {
  return version as StoreVersion;
}

export function factsOf(site: SiteId, announced = 0): LocalFacts {
  return {
    dbid: 'todo',
    site,
    formerSites: [],
    era: site === SITE_A ? ERA_A : ERA_B,
    schemaHash: 'hash',
    shape: { todo: ['id', 'title'] },
    schemaText: '',
    mesh: site,
    digest: new Map(),
    announced,
  };
}

export interface SessionOptions {
  readonly role?: 'client' | 'server';
  readonly mode?: LinkMode;
  readonly write?: 'all' | 'some' | 'none';
  readonly read?: 'all' | 'none';
  readonly announced?: number;
  readonly expiresAt?: number;
  readonly vouch?: boolean;
  readonly image?: boolean;
}

/** The session of site A, before any frame. */
export function freshSession(options: SessionOptions = {}): SessionState {
  const { role = 'client', mode = 'leaf', write = 'all', read = 'all', announced = 0 } = options;
  const expiry = options.expiresAt === undefined ? {} : { expiresAt: options.expiresAt };
  const terms = { role, mode, write, read, vouch: options.vouch ?? true, image: options.image ?? false, ...expiry };
  return newSession({ terms, local: factsOf(SITE_A, announced), limits: DEFAULT_LIMITS, session: SESSION }, 0);
}

/** Runs events in turn; effects of all of them are returned. */
export function run(
  state: SessionState,
  events: readonly SessionEvent[],
  now = 0,
): { readonly state: SessionState; readonly effects: readonly SessionEffect[] } {
  const effects: SessionEffect[] = [];
  let current = state;
  for (const event of events) {
    const result = step(current, event, now);
    current = result.state;
    effects.push(...result.effects);
  }
  return { state: current, effects };
}

export function message(content: Message, bytes = 100): SessionEvent {
  return { type: 'message', message: content, bytes };
}

const greeting = {
  wire: 1,
  session: SESSION,
  dbid: 'todo',
  site: SITE_B,
  formerSites: [],
  era: ERA_B,
  schemaHash: 'hash',
  shape: {},
  mesh: SITE_B,
  digest: new Map<number, number>(),
  capabilities: [],
  credit: DEFAULT_LIMITS.creditBytes,
};

export function helloOfB(changes: Partial<Hello> = {}): Hello {
  return { type: 'hello', ...greeting, mode: 'leaf', ...changes };
}

export function welcomeOfB(changes: Partial<Welcome> = {}): Welcome {
  return { type: 'welcome', ...greeting, mode: 'leaf', acks: new Map(), ...changes };
}

export const PEER_KNOWN: SessionEvent = {
  type: 'peer-known',
  cursor: undefined,
  acks: new Map(),
  heldByPeer: emptyAcknowledgement,
  shown: 0,
  digest: new Map(),
  differing: emptyCoverage,
  unclaimed: emptyCoverage,
};

/** A session of site A that is open with site B. */
export function openSessionOf(options: SessionOptions = {}): SessionState {
  const fresh = freshSession(options);
  const { role = 'client', mode = 'leaf' } = options;
  const greeted = role === 'client' ? message(welcomeOfB({ mode })) : message(helloOfB({ mode }));
  return run(fresh, [{ type: 'start' }, greeted, PEER_KNOWN]).state;
}

/** The same with its feed live at `version`, claims number 0. */
export function liveSessionOf(options: SessionOptions, version = 0): SessionState {
  const pulled = run(openSessionOf(options), [
    message({ type: 'pull' }),
    { type: 'base-found', base: { nonce: ERA_A, at: at(version) }, lost: false },
    pieceEvent({ from: version, to: version }),
  ]);
  return pulled.state;
}

export function pieceEvent(piece: {
  readonly from: number;
  readonly to: number;
  readonly last?: boolean;
  readonly windows?: readonly (readonly PartBlob[])[];
  readonly claims?: Extract<SessionEvent, { type: 'piece' }>['claims'];
  readonly claimNumber?: number;
}): Extract<SessionEvent, { type: 'piece' }> {
  const { from, to, last = true, windows = [[]], claims = emptyCoverage, claimNumber = 0 } = piece;
  return { type: 'piece', from: at(from), to: at(to), last, windows, claims, claimNumber };
}

export function commitEvent(
  commit: Partial<Omit<Extract<SessionEvent, { type: 'committed' }>, 'type' | 'before' | 'after'>> & {
    readonly before: number;
    readonly after: number;
  },
): Extract<SessionEvent, { type: 'committed' }> {
  const { before, after, ...rest } = commit;
  const common = { claimsBefore: 0, claimsAfter: 0, parts: [], growth: emptyCoverage, own: undefined };
  return { type: 'committed', before: at(before), after: at(after), ...common, ...rest };
}

/** A blob whose bytes do not matter here: sessions never look inside. */
export function blobOf(site: SiteId, lo: number, hi: number): PartBlob {
  return { body: { site, span: [lo, hi], rows: [] }, bytes: new Uint8Array(10) };
}

export function windowOfB(
  changes: { readonly from: number; readonly to: number; readonly n: number } & Partial<
    Omit<Window, 'from' | 'to' | 'n'>
  >,
): Window {
  const { from, to, n, ...rest } = changes;
  return { type: 'window', era: ERA_B, from: at(from), to: at(to), n, parts: [], claims: emptyCoverage, ...rest };
}

export function sent(effects: readonly SessionEffect[]): Message[] {
  return effects.flatMap((effect) => (effect.type === 'send' ? [effect.message] : []));
}

export function ofType<T extends SessionEffect['type']>(
  effects: readonly SessionEffect[],
  type: T,
): Extract<SessionEffect, { type: T }>[] {
  return effects.filter((effect): effect is Extract<SessionEffect, { type: T }> => effect.type === type);
}
