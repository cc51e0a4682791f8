/**
 * The bodies of the HTTP calls for callers without a session, as values: what is pushed, what is asked, what is
 * answered. json-bodies.ts and binary-bodies.ts turn them into text and bytes and back.
 */
import type { Coverage } from '../core/coverage.ts';
import type { Cursor, EraNonce } from '../core/cursor.ts';
import type { ChangeRows, ReceivedBody } from '../core/part.ts';
import type { Range } from '../core/range-set.ts';
import type { SiteId } from '../core/site-id.ts';
import type { StoreVersion } from '../core/version.ts';

/** POST changes, form (a): one part of one site. */
export interface PushBody {
  readonly form: 'push';
  readonly site: SiteId;
  /** (seqStart, seqEnd] in the site's own numbering: span and claim. */
  readonly span: Range;
  /** `vClock`: what the author had seen when it wrote; absent = unknown. Never a claim. */
  readonly seen?: Coverage;
  readonly rows: ChangeRows;
  /** Refuse with GAP when (0, seqStart] is not held. */
  readonly inOrder: boolean;
}

/** What a caller asks for: everything behind a cursor, or everything it does not hold. */
export type Since =
  | { readonly kind: 'cursor'; readonly cursor: Cursor | undefined }
  | { readonly kind: 'have'; readonly have: Coverage };

interface AnswerHead {
  /** The answering store. */
  readonly site: SiteId;
  readonly epoch: EraNonce;
  /** In body order; a site may have several parts, all with the same span. */
  readonly parts: readonly ReceivedBody[];
  /** `vClock`: complete once the parts are applied. */
  readonly claims: Coverage;
  readonly more: boolean;
}

/** GET changes in store order, and POST changes form (b) with such an answer. */
export interface StoreOrderAnswer extends AnswerHead {
  readonly form: 'store-order';
  /** The cursor answered; undefined = from the start. */
  readonly since: Cursor | undefined;
  /** (from, to] in the answering store's versions: seqStart and seqEnd. */
  readonly from: StoreVersion;
  readonly to: StoreVersion;
  readonly cursor: Cursor;
}

/** GET changes for a want, and POST changes form (b) with such an answer. Claims are the weak kind. */
export interface WantAnswer extends AnswerHead {
  readonly form: 'want';
  /** What the caller said it holds. */
  readonly since: Coverage;
}

export type ChangesAnswer = StoreOrderAnswer | WantAnswer;

/** Anything POST changes takes. */
export type ChangesBody = PushBody | ChangesAnswer;
