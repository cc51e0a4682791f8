/**
 * Hello and welcome: who the other side is, which mode holds, and from where both directions resume.
 *
 * The client greets; the server answers once it has looked the peer up. Every refusal is a coded error frame.
 */
import { emptyAcknowledgement } from '../core/acknowledgement.ts';
import { ReplicationError } from '../core/errors.ts';
import type { Hello, Welcome } from '../wire/message.ts';
import { WIRE_VERSION } from '../wire/wire-version.ts';
import { sendAsks } from './asking.ts';
import { noteGranted } from './credit.ts';
import { endWith } from './ending.ts';
import { resumeFeed } from './feed.ts';
import { lostToWelcome, siteConflict } from './identity-alarm.ts';
import { pull } from './intake.ts';
import type { SessionEvent, Step } from './session-event.ts';
import type { PeerFacts, SessionState } from './session-state.ts';
import { stateCoverage } from './stating.ts';
import { andThen, sending, stay } from './step-result.ts';
import { initialUpload, pumpUpload } from './upload.ts';

type PeerKnown = Extract<SessionEvent, { type: 'peer-known' }>;

const CAPABILITIES: readonly string[] = ['window', 'part', 'want', 'chunk', 'ephemeral', 'pullall'];
/** In a welcome: this leaf may bring what others wrote (R12). */
const VOUCH = 'vouch';
/** In a hello: this replica has nothing yet and can begin with an image (R15). */
const IMAGE = 'image';

export function greet(state: SessionState, now: number): Step {
  const { local, terms } = state;
  const text = local.schemaText === '' ? {} : { schemaText: local.schemaText };
  const key = terms.siteKey === undefined ? {} : { siteKey: terms.siteKey };
  return sending(state, now, { type: 'hello', ...greetingOf(state), mode: terms.mode, ...text, ...key });
}

/** The server's side: checks the hello, then looks the peer up. */
export function takeHello(state: SessionState, hello: Hello): Step {
  const refusal = refusalOf(state, hello) ?? modeRefusal(state, hello);
  if (refusal !== undefined) return endWith(state, refusal);
  return lookUp({ ...state, session: hello.session, mode: hello.mode }, hello);
}

/** The client's side: the welcome must be for this session. */
export function takeWelcome(state: SessionState, welcome: Welcome): Step {
  const refusal = refusalOf(state, welcome);
  if (refusal !== undefined) return endWith(state, refusal);
  if (welcome.session !== state.session || welcome.mode !== state.terms.mode) {
    return endWith(state, new ReplicationError('SESSION_PROTOCOL', 'the welcome answers another hello'));
  }
  return lookUp({ ...state, mode: welcome.mode }, welcome);
}

/** Both sides: opens the session with what the store knows of the peer. */
export function openSession(state: SessionState, known: PeerKnown, now: number): Step {
  const lost = lostToWelcome(state, known.shown);
  if (lost !== undefined) return stay(state, lost);
  const client = state.terms.role === 'client';
  const peerMode = state.mode === 'peer';
  const ack = client ? state.peer!.ack : known.heldByPeer;
  const upload = initialUpload(client && !peerMode, state.local.announced, ack, now);
  const takes = client || peerMode;
  const opened: SessionState = {
    ...state,
    phase: 'open',
    upload,
    feed: { ...state.feed, state: client && !peerMode ? 'off' : 'idle' },
    intake: {
      ...state.intake,
      state: takes ? 'pulling' : 'off',
      cursor: known.cursor,
      pulledAt: now,
      askedFrom: known.cursor?.at ?? 0,
      unclaimed: known.unclaimed,
    },
  };
  const first = client ? stay(opened, { type: 'record-ack', ack, replace: true }) : welcome(opened, known, now);
  let step = andThen(first, (s) => stay(s, { type: 'opened' }));
  if (client || peerMode) step = andThen(step, (s) => stateCoverage(s, known.differing, now));
  if (client) step = andThen(step, (s) => pull(s, now));
  if (client && peerMode) step = andThen(step, (s) => resumeFeed(s, s.peer?.cursor));
  step = andThen(step, (s) => sendAsks(s, now));
  return andThen(step, pumpUpload);
}

function welcome(state: SessionState, known: PeerKnown, now: number): Step {
  const cursor = state.mode === 'peer' && known.cursor !== undefined ? { cursor: known.cursor } : {};
  const greeting = { ...greetingOf(state), digest: known.digest };
  return sending(state, now, { type: 'welcome', ...greeting, mode: state.mode, acks: known.acks, ...cursor });
}

function greetingOf({ local, session, credit, terms, mode }: SessionState): Omit<Hello, 'type' | 'mode'> {
  const { dbid, site, formerSites, era, schemaHash, shape, mesh, digest } = local;
  const identity = { wire: WIRE_VERSION, session, dbid, site, formerSites, era };
  const vouched = terms.role === 'server' && mode === 'leaf' && terms.vouch;
  const asksImage = terms.role === 'client' && terms.image;
  const capabilities = [...CAPABILITIES, ...(vouched ? [VOUCH] : []), ...(asksImage ? [IMAGE] : [])];
  return { ...identity, schemaHash, shape, mesh, digest, capabilities, credit: credit.grantedBytes };
}

function lookUp(state: SessionState, greeting: Hello | Welcome): Step {
  const { site, formerSites, era, mesh, shape, schemaHash, digest, cursor } = greeting;
  const acks = greeting.type === 'welcome' ? greeting.acks : undefined;
  const ack = acks?.get(state.local.site) ?? emptyAcknowledgement;
  const vouch = greeting.type === 'welcome' && greeting.capabilities.includes(VOUCH);
  const image = greeting.type === 'hello' && greeting.capabilities.includes(IMAGE);
  const peer: PeerFacts = { site, formerSites, era, mesh, shape, schemaHash, digest, cursor, vouch, image, ack };
  const greeted = noteGranted({ ...state, peer }, greeting.credit);
  return stay(greeted, { type: 'look-up-peer', site, sites: [site, ...formerSites], digest });
}

function refusalOf({ local }: SessionState, { wire, dbid, site, era }: Hello | Welcome): ReplicationError | undefined {
  if (wire !== WIRE_VERSION) {
    const message = `this side speaks wire version ${WIRE_VERSION}, the other ${wire}: update the older of the two`;
    return new ReplicationError('WIRE_VERSION', message, { wire: WIRE_VERSION });
  }
  if (dbid !== local.dbid) {
    return new ReplicationError('BAD_REQUEST', `this link is for the database '${local.dbid}', not for '${dbid}'`);
  }
  if (site !== local.site) return undefined;
  // Every opening has an era of its own.
  const itself = era === local.era;
  return itself ? new ReplicationError('BAD_REQUEST', 'this link leads back to its own replica') : siteConflict(site);
}

function modeRefusal({ terms }: SessionState, { mode }: Hello): ReplicationError | undefined {
  if (terms.read === 'none') {
    return new ReplicationError('FORBIDDEN', 'a link needs the right to read; to only write, use POST changes');
  }
  if (mode !== 'peer') return undefined;
  if (terms.write !== 'all') {
    const message = 'mode peer forwards changes of others and needs the right to write all: ask for mode leaf';
    return new ReplicationError('FORBIDDEN', message, { mode: 'leaf' });
  }
  if (terms.mode === 'peer') return undefined;
  const message = 'mode peer was asked for and mode leaf is granted: ask for leaf, or use a token that grants peer';
  return new ReplicationError('FORBIDDEN', message, { mode: terms.mode });
}
