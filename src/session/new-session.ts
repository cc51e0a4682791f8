/** The first state of a session, before any frame. */
import { emptyAcknowledgement } from '../core/acknowledgement.ts';
import { emptyCoverage } from '../core/coverage.ts';
import type { Limits } from '../core/limits.ts';
import { STORE_VERSION_ZERO } from '../core/version.ts';
import { initialAsks } from './asking.ts';
import { initialCredit } from './credit.ts';
import { initialRepair } from './repair.ts';
import type { LocalFacts, SessionState, SessionTerms } from './session-state.ts';
import { initialStating } from './stating.ts';
import { initialUpload } from './upload.ts';

export interface NewSession {
  readonly terms: SessionTerms;
  readonly local: LocalFacts;
  readonly limits: Limits;
  /** 32 hex digits, random: the client's choice; a server takes the hello's. */
  readonly session: string;
}

export function newSession({ terms, local, limits, session }: NewSession, now: number): SessionState {
  return {
    phase: 'greeting',
    terms,
    limits,
    local,
    session,
    mode: terms.mode,
    peer: undefined,
    feed: { state: 'off', at: STORE_VERSION_ZERO, claimNumber: undefined, n: 0, reading: false, once: false },
    intake: {
      state: 'off',
      cursor: undefined,
      n: 0,
      pulledAt: now,
      askedFrom: 0,
      unclaimed: emptyCoverage,
      liveAfter: undefined,
      live: false,
      vouched: false,
    },
    upload: initialUpload(false, local.announced, emptyAcknowledgement, now),
    carriesTo: undefined,
    credit: initialCredit(limits.creditBytes),
    repair: { ...initialRepair(), stated: emptyCoverage },
    stating: initialStating(),
    serving: { wanted: undefined, reading: false },
    asks: initialAsks(),
    imageOffer: 'none',
    inputsQueued: 0,
    inputsDone: 0,
    startedAt: now,
    sentAt: now,
    heardAt: now,
  };
}
