/**
 * The authorize hook: who may do what with which database. Every entry point asks it first; its answer is checked
 * and completed here, and anything it forgot is denied.
 */
import { codedError, ReplicationError } from '../core/errors.ts';
import type { Log } from '../core/runtime.ts';
import type { SiteId } from '../core/site-id.ts';
import type { Grant } from '../replica/replica-port.ts';

export type Operation =
  | 'createDatabaseIfNotExists'
  | 'createOrMigrateDatabase'
  | 'describeDatabase'
  | 'getSchema'
  | 'applyChanges'
  | 'getChanges'
  | 'startSSE'
  | 'image'
  | 'socket'
  | 'metrics'
  | 'health';

export interface AccessRequest {
  readonly operation: Operation;
  /** Absent for metrics; health is answered without asking. */
  readonly dbid: string | undefined;
  readonly token: string | undefined;
  /** Known once the caller has named itself: the hook is then asked a second time. */
  readonly site: SiteId | undefined;
  readonly headers: Headers;
  /** The caller's address as the server sees it; unknown where the server told none. */
  readonly address: string | undefined;
}

/** What is not said is denied; `vouch` is by default given with full read and write. */
export type GrantOffer = Partial<Grant>;

export interface Refusal {
  readonly refuse: 'UNAUTHORIZED' | 'FORBIDDEN';
  readonly message?: string;
}

export type Authorize = (request: AccessRequest) => GrantOffer | Refusal | Promise<GrantOffer | Refusal>;

/**
 * Asks the hook and checks what it answers.
 *
 * Errors  UNAUTHORIZED or FORBIDDEN as the hook refused; INVARIANT when its answer is neither grant nor refusal, and
 *         for whatever it throws that is not coded: a broken hook lets nobody in.
 */
export async function grantOf(authorize: Authorize, request: AccessRequest, log: Log): Promise<Grant> {
  const answer = await askHook(authorize, request, log);
  // A hook written in plain JavaScript may answer anything.
  if (typeof answer !== 'object' || answer === null) throw badHook('neither a grant nor a refusal');
  if ('refuse' in answer) {
    if (answer.refuse === 'UNAUTHORIZED') {
      throw new ReplicationError('UNAUTHORIZED', answer.message ?? 'send a valid token: Authorization: Bearer ...');
    }
    throw new ReplicationError('FORBIDDEN', answer.message ?? 'the token does not allow this');
  }
  return completeGrant(answer);
}

async function askHook(
  authorize: Authorize,
  request: AccessRequest,
  log: Log,
): Promise<GrantOffer | Refusal | undefined> {
  try {
    return await authorize(request);
  } catch (error) {
    const coded = codedError(error);
    log.error({ code: coded.code, operation: request.operation, dbid: request.dbid, err: error }, 'authorize failed');
    throw coded;
  }
}

function completeGrant(offer: GrantOffer): Grant {
  const { read = 'none', write = 'none', schema = false, mode = 'leaf', expiresAt } = offer;
  if (read !== 'all' && read !== 'none') throw badHook('read is neither all nor none');
  if (write !== 'all' && write !== 'none' && typeof write !== 'function') {
    throw badHook('write is neither all, none nor a function');
  }
  if (mode !== 'leaf' && mode !== 'peer') throw badHook('mode is neither leaf nor peer');
  if (typeof schema !== 'boolean') throw badHook('schema is no boolean');
  const { vouch = read === 'all' && write === 'all' } = offer;
  if (typeof vouch !== 'boolean') throw badHook('vouch is no boolean');
  if (expiresAt === undefined) return { read, write, schema, mode, vouch };
  if (!Number.isFinite(expiresAt)) throw badHook('expiresAt is no number of milliseconds');
  return { read, write, schema, mode, vouch, expiresAt };
}

function badHook(what: string): ReplicationError {
  return new ReplicationError('INVARIANT', `the authorize function of this relay answered wrongly: ${what}`);
}
