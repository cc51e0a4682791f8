/** POST /:dbid/changes: (a) one part of one site, (b) an answer of GET changes handed on by a peer. */
import { coverageOf, coverageToJson, rangesOfSite } from '../../core/coverage.ts';
import type { Cursor } from '../../core/cursor.ts';
import { cursorToText } from '../../core/cursor.ts';
import { ReplicationError } from '../../core/errors.ts';
import { rangeSetOf, subtractRanges } from '../../core/range-set.ts';
import type { Grant, ReplicaPort } from '../../replica/replica-port.ts';
import type { ChangesAnswer, PushBody, StoreOrderAnswer } from '../../wire/bodies.ts';
import { grantOf } from '../access.ts';
import { jsonAnswer } from '../answer.ts';
import { changesFromBody } from '../change-bodies.ts';
import type { Call } from '../relay-context.ts';
import { withDatabase } from '../relay-context.ts';
import { bodyKindOf } from '../request-body.ts';
import type { Endpoint } from './endpoint.ts';

type Result = Awaited<ReturnType<ReplicaPort['submit']>>;

/** The header of a caller without a session that names the key of its site. */
export const SITE_KEY_HEADER = 'crmesh-site-key';

export const applyChanges: Endpoint = {
  operation: 'applyChanges',
  async run(call) {
    if (call.grant.write === 'none') throw forbidden('the token does not allow writing to this database');
    const kind = bodyKindOf(call.request, ['json', 'binary']);
    const bytes = await call.body(call.context.limits.bodyBytesMax);
    const body = changesFromBody(call.context, kind, bytes);
    return body.form === 'push' ? await push(call, body) : await handOn(call, body);
  },
};

async function push(call: Call, body: PushBody): Promise<Response> {
  const { context, dbid, token, headers, address } = call;
  const { site } = body;
  const request = { operation: 'applyChanges', dbid, token, site, headers, address } as const;
  const grant = await grantOf(context.authorize, request, context.log);
  assertAllAllowed(body, grant.write);
  return withDatabase({ ...call, grant }, async ({ replica }) => {
    if (grant.mode === 'leaf') {
      await context.pins.admit({ dbid, site, token, siteKey: headers.get(SITE_KEY_HEADER) ?? undefined });
    }
    if (body.inOrder) assertInOrder(replica, body);
    const part = { site, span: body.span, rows: body.rows, ...(body.seen === undefined ? {} : { seen: body.seen }) };
    return answerOf(
      replica,
      await replica.submit({
        parts: [part],
        claims: coverageOf(site, rangeSetOf(...body.span)),
        ...(grant.mode === 'leaf' ? { fromLeaf: 'own' } : {}),
      }),
    );
  });
}

/** Refused whole, never thinned: the claim covers all changes of the range. */
function assertAllAllowed({ rows, site }: PushBody, write: Grant['write']): void {
  if (write === 'all') return;
  if (write === 'none') throw forbidden('the token does not allow this site to write');
  const rejected: { readonly index: number }[] = [];
  let index = 0;
  for (const change of rows) {
    if (write(change, site) !== 'allow') rejected.push({ index });
    index += 1;
  }
  if (rejected.length === 0) return;
  throw new ReplicationError('CHANGE_REJECTED', 'the relay does not take some of these changes: none was applied', {
    rejected,
  });
}

function assertInOrder({ store }: ReplicaPort, { site, span: [start] }: PushBody): void {
  const missing = subtractRanges(rangeSetOf(0, start), rangesOfSite(store.coverage, site));
  if (missing.length === 0) return;
  throw new ReplicationError('GAP', 'changes before these are missing here: send them first', {
    missing: coverageToJson(coverageOf(site, missing)),
  });
}

async function handOn(call: Call, answer: ChangesAnswer): Promise<Response> {
  if (call.grant.mode !== 'peer' || call.grant.write !== 'all') {
    throw forbidden("handing on other sites' changes needs a peer token", { mode: call.grant.mode });
  }
  return withDatabase(call, async ({ replica }) => {
    const { parts, claims } = answer;
    if (answer.form === 'want') return answerOf(replica, repeated(await replica.submit({ parts, claims })));
    assertFollows(replica, answer);
    const { site, cursor } = answer;
    if (isAtOrBelow(cursor, replica.store.cursorOf(site))) {
      return answerOf(replica, repeated(await replica.submit({ parts, claims })));
    }
    return answerOf(replica, await replica.submit({ parts, claims, cursor: { peer: site, cursor } }));
  });
}

/** What was taken before counts as duplicates, also where a hole in its span keeps the store from knowing it. */
function repeated(result: Result): Result {
  if (result.outcome !== 'duplicate') return result;
  return { ...result, applied: 0, duplicates: result.applied + result.duplicates };
}

/** Errors  GAP {cursor} when pages before this one are missing. */
function assertFollows({ store }: ReplicaPort, { site, since, from }: StoreOrderAnswer): void {
  if (from !== (since?.at ?? 0)) {
    throw new ReplicationError('BAD_REQUEST', 'seqStart is not where since points: pass the answer on as it came');
  }
  const held = store.cursorOf(site);
  if (since === undefined || isAtOrBelow(since, held)) return;
  throw new ReplicationError('GAP', 'pages before this one are missing here: ask that store from this cursor', {
    cursor: held === undefined ? null : cursorToText(held),
  });
}

function isAtOrBelow(cursor: Cursor, held: Cursor | undefined): boolean {
  return held !== undefined && held.nonce === cursor.nonce && cursor.at <= held.at;
}

function answerOf({ store }: ReplicaPort, result: Result): Response {
  const { outcome, applied, duplicates, parked, invalid } = result;
  if (outcome !== 'invalid') {
    return jsonAnswer(200, { outcome, applied, duplicates, parked, coverage: coverageToJson(store.coverage) });
  }
  const [first] = invalid;
  if (first?.code === 'PARKED_FULL') throw new ReplicationError('PARKED_FULL', first.message);
  throw new ReplicationError('CHANGE_INVALID', `nothing was applied: ${first?.message ?? 'a change is invalid'}`, {
    rejected: invalid,
  });
}

function forbidden(message: string, details: Readonly<Record<string, unknown>> = {}): ReplicationError {
  return new ReplicationError('FORBIDDEN', message, details);
}
