/** Bodies of the changes calls on the wire: JSON, or our own binary form where the caller names it. */
import type { Cursor } from '../core/cursor.ts';
import { ReplicationError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { ChangesAnswer, ChangesBody, Since } from '../wire/bodies.ts';
import { changesAnswerToJson, changesBodyFromJson, sinceFromText } from '../wire/json-bodies.ts';
import { CRMESH_MEDIA_TYPE } from '../transport/frame-batch.ts';
import { bodyAnswer } from './answer.ts';
import { heldBody } from './held-answer.ts';
import type { RelayContext } from './relay-context.ts';
import type { BodyKind } from './request-body.ts';
import { objectFromBody } from './request-body.ts';

/** Errors  BAD_REQUEST, FRAME_MALFORMED, TOO_LARGE, CHANGE_INVALID {rejected}, FORBIDDEN. */
export function changesFromBody(context: RelayContext, kind: BodyKind, bytes: Uint8Array): ChangesBody {
  if (kind === 'binary') return context.codec.decodeBody(bytes);
  return changesBodyFromJson(objectFromBody(bytes), context.limits);
}

/** Binary when `accept` names it, else JSON. Errors  LIMIT_EXCEEDED when too many answers are not read. */
export function changesAnswer(context: RelayContext, answer: ChangesAnswer, accept: string | null): Response {
  const isBinary = accept?.toLowerCase().includes(CRMESH_MEDIA_TYPE) === true;
  const bytes = isBinary ? context.codec.encodeBody(answer) : new TextEncoder().encode(answerText(answer));
  return bodyAnswer(heldBody(bytes, context), isBinary ? CRMESH_MEDIA_TYPE : 'application/json');
}

export function answerText(answer: ChangesAnswer): string {
  return JSON.stringify(changesAnswerToJson(answer));
}

/** Errors  BAD_REQUEST for a `since` that is neither cursor nor ranges. */
export function sinceOfText({ limits }: { readonly limits: Limits }, text: string | null): Since {
  return sinceFromText(text, limits);
}

/** Errors  BAD_REQUEST for anything but a cursor or 0. */
export function cursorOfText(context: { readonly limits: Limits }, text: string | null): Cursor | undefined {
  const since = sinceFromText(text, context.limits);
  if (since.kind === 'cursor') return since.cursor;
  throw new ReplicationError('BAD_REQUEST', 'a stream starts at a cursor: pass the id of the last event, or 0');
}
