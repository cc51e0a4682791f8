/**
 * The upload: own writes on their way to the peer, and what it has acknowledged of them (R8, R9).
 *
 * A leaf sends its own site's parts: (0, announced] minus what is settled or in flight. A peer's own writes travel in
 * windows; here only their acknowledgements are kept, for durability tiers.
 */
import type { Acknowledgement } from '../core/acknowledgement.ts';
import { emptyAcknowledgement, settledRanges } from '../core/acknowledgement.ts';
import type { RangeSet } from '../core/range-set.ts';
import { emptyRangeSet, rangeSetOf, rangeSetsEqual, subtractRanges, unionRanges } from '../core/range-set.ts';
import type { Nack } from '../wire/message.ts';
import { maySend } from './credit.ts';
import type { ClaimedBlob, SessionEffect, SessionEvent, Step } from './session-event.ts';
import type { SessionState, Upload } from './session-state.ts';
import { sending, stay } from './step-result.ts';

type Own = NonNullable<Extract<SessionEvent, { type: 'committed' }>['own']>;

export function initialUpload(sends: boolean, announced: number, ack: Acknowledgement, now: number): Upload {
  const settled = settledRanges(ack);
  return { sends, announced, settled, held: ack.held, inFlight: emptyRangeSet, reading: false, progressAt: now };
}

/** Own announced ranges that are neither settled nor under way. */
export function unsentRanges({ announced, settled, inFlight }: Upload): RangeSet {
  return subtractRanges(subtractRanges(rangeSetOf(0, announced), settled), inFlight);
}

/** Own announced ranges that the peer has not answered for. */
export function unsettledRanges({ announced, settled }: Upload): RangeSet {
  return subtractRanges(rangeSetOf(0, announced), settled);
}

/** Asks for unsent own parts where this link sends them. */
export function pumpUpload(state: SessionState): Step {
  const { upload } = state;
  if (!upload.sends || upload.reading || !maySend(state)) return stay(state);
  const ranges = unsentRanges(upload);
  if (ranges.length === 0) return stay(state);
  return stay({ ...state, upload: { ...upload, reading: true } }, { type: 'read-own', ranges });
}

/** A fresh own commit goes out as it is when it is all that is unsent; else the store is read. */
export function uploadCommit(state: SessionState, own: Own, now: number): Step {
  const announced: SessionState = { ...state, upload: { ...state.upload, announced: own.announced } };
  const { upload } = announced;
  const direct = upload.sends && !upload.reading && own.part !== undefined && maySend(state);
  if (direct && own.part !== undefined && rangeSetsEqual(unsentRanges(upload), own.part.claims)) {
    return sendParts(announced, [own.part], now);
  }
  return pumpUpload(announced);
}

export function uploadParts(state: SessionState, parts: readonly ClaimedBlob[], now: number): Step {
  const read: SessionState = { ...state, upload: { ...state.upload, reading: false } };
  const sent = sendParts(read, parts, now);
  if (parts.length === 0) return sent;
  const next = pumpUpload(sent.state);
  return stay(next.state, ...sent.effects, ...next.effects);
}

export function takeAck(state: SessionState, ack: Acknowledgement, now: number): Step {
  const { upload } = state;
  const settled = unionRanges(upload.settled, settledRanges(ack));
  const held = unionRanges(upload.held, ack.held);
  const inFlight = subtractRanges(upload.inFlight, settled);
  const next: SessionState = { ...state, upload: { ...upload, settled, held, inFlight, progressAt: now } };
  return stay(next, { type: 'record-ack', ack, replace: false });
}

/** Refused versions are kept durably and not resent; a reject is shown to the app. */
export function takeNack(state: SessionState, nack: Nack, now: number): Step {
  const taken = takeAck(state, { ...emptyAcknowledgement, refused: nack.ranges }, now);
  if (nack.kind === 'drop') return taken;
  const { ranges, kind, code, message } = nack;
  const shown: SessionEffect = { type: 'rejected', site: nack.site, refusal: { ranges, kind, code, message } };
  return stay(taken.state, ...taken.effects, shown);
}

/** Parts may be lost on the way: without any answer for a long time they are sent again. */
export function resendLost(state: SessionState, now: number): Step {
  const { upload, limits } = state;
  const stuck = upload.inFlight.length > 0 && now - upload.progressAt >= limits.silenceMs;
  if (!stuck) return pumpUpload(state);
  return pumpUpload({ ...state, upload: { ...upload, inFlight: emptyRangeSet, progressAt: now } });
}

function sendParts(state: SessionState, parts: readonly ClaimedBlob[], now: number): Step {
  let { inFlight, progressAt } = state.upload;
  if (inFlight.length === 0) progressAt = now;
  for (const { claims } of parts) inFlight = unionRanges(inFlight, claims);
  const next: SessionState = { ...state, upload: { ...state.upload, inFlight, progressAt } };
  if (parts.length === 0) return stay(next);
  return sending(next, now, ...parts.map(({ blob, claims }) => ({ type: 'part', blob, claims }) as const));
}
