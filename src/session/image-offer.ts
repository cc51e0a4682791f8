/**
 * Image offers (R15): a server whose database is large offers a replica that starts with nothing its file instead of
 * all rows. Only for a peer that named the capability; it may take the offer, which ends this session, or pull again.
 *
 * none -> asked (the image is looked for, windows wait) -> done (offered, or not: the next pull starts the windows).
 */
import type { Cursor } from '../core/cursor.ts';
import type { ImageOffer } from '../wire/message.ts';
import { endProtocol } from './ending.ts';
import { resumeFeed } from './feed.ts';
import type { Step } from './session-event.ts';
import type { SessionState } from './session-state.ts';
import { sending, stay } from './step-result.ts';

/** A pull from nothing may be answered by an image; every other by windows. */
export function answerPull(state: SessionState, cursor: Cursor | undefined): Step {
  if (cursor !== undefined || !mayOffer(state)) return resumeFeed({ ...state, imageOffer: 'done' }, cursor);
  return stay({ ...state, imageOffer: 'asked' }, { type: 'find-image' });
}

function mayOffer({ imageOffer, terms, peer, local }: SessionState): boolean {
  const isServed = terms.role === 'server' && terms.image && terms.read === 'all';
  return imageOffer === 'none' && isServed && peer?.image === true && peer.schemaHash === local.schemaHash;
}

/** A peer that pulled again meanwhile has had its answer. */
export function offerImage(state: SessionState, offer: ImageOffer | undefined, now: number): Step {
  if (state.imageOffer !== 'asked') return stay(state);
  const done: SessionState = { ...state, imageOffer: 'done' };
  return offer === undefined ? resumeFeed(done, undefined) : sending(done, now, { type: 'image', ...offer });
}

/** The client's side: whether it is taken is for the owner of the link to say. */
export function takeImageOffer(state: SessionState, offer: ImageOffer): Step {
  const { terms, intake } = state;
  if (terms.role !== 'client' || !terms.image || intake.state !== 'pulling' || intake.cursor !== undefined) {
    return endProtocol(state, 'an image was offered, but none was asked for');
  }
  const { era, at, bytes, hash } = offer;
  return stay(state, { type: 'image-offered', offer: { era, at, bytes, hash } });
}
