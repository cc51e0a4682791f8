/**
 * The door step of a session: reads the hello of a new connection, checks who it is, finds the database, and hands
 * the port to its replica. Whatever is refused is told as a coded error frame before the close.
 */
import { codedError, isReplicationError, ReplicationError } from '../core/errors.ts';
import type { SiteId } from '../core/site-id.ts';
import { helloFromFrame, refuseSession } from '../replica/first-hello.ts';
import type { Grant, ImageAnswer, ReplicaPort } from '../replica/replica-port.ts';
import { takeFirstFrame } from '../transport/first-frame.ts';
import type { FramePort } from '../transport/frame-port.ts';
import type { Hello, ImageOffer } from '../wire/message.ts';
import { grantOf } from './access.ts';
import type { Caller, RelayContext } from './relay-context.ts';
import { leaseFor } from './relay-context.ts';

/** Takes over the port; never throws. The caller has been authorized for the socket. */
export async function serveSession(context: RelayContext, port: FramePort, caller: Caller): Promise<void> {
  const { limits, runtime, meter } = context;
  try {
    const { frame, rest } = await takeFirstFrame(port, { runtime, limits, timeoutMs: limits.handshakeMs });
    const hello = helloFor(context, frame, caller.dbid);
    await attach(context, rest, caller, hello);
    meter.count('crmesh_sessions_total');
  } catch (error) {
    refuse(context, port, codedError(error));
  }
}

function helloFor({ codec }: RelayContext, frame: Uint8Array, dbid: string): Hello {
  const hello = helloFromFrame(codec, frame);
  if (hello.dbid === dbid) return hello;
  throw new ReplicationError('BAD_REQUEST', `hello is for '${hello.dbid}', the address for '${dbid}'`);
}

async function attach(context: RelayContext, port: FramePort, caller: Caller, hello: Hello): Promise<void> {
  const grant = await grantForSite(context, caller, hello.site);
  if (hello.mode === 'peer' && grant.mode !== 'peer') {
    throw new ReplicationError('FORBIDDEN', 'mode peer needs a peer token: ask for mode leaf', { mode: grant.mode });
  }
  const lease = await leaseFor(context, { ...caller, grant }, hello.schemaText);
  try {
    // After the lease: for a database that is not there no key is bound.
    const formerSites = hello.mode === 'leaf' ? await boundSites(context, caller, hello) : hello.formerSites;
    lease.replica.attach(port, {
      role: 'server',
      hello: { ...hello, formerSites },
      grant,
      ...(grant.read === 'all' ? { image: offering(() => imageOffer(context, caller, lease.replica)) } : {}),
      onVouched: ({ merged, leftOut }) => {
        context.meter.count('crmesh_vouched_changes_total', { outcome: 'merged' }, merged);
        context.meter.count('crmesh_vouched_changes_total', { outcome: 'left-out' }, leftOut);
      },
      onEnd: () => lease.release(),
    });
  } catch (error) {
    lease.release();
    throw error;
  }
}

function offering(look: () => Promise<ImageOffer | undefined>): (answer: ImageAnswer) => void {
  return ({ found, failed }) => void look().then(found, failed);
}

/** What GET /:dbid/image would answer this caller, where a first sync by it is worth while. */
async function imageOffer(
  context: RelayContext,
  caller: Caller,
  replica: ReplicaPort,
): Promise<ImageOffer | undefined> {
  const { authorize, log, images } = context;
  const { dbid, token, headers, address } = caller;
  const request = { operation: 'image', dbid, token, site: undefined, headers, address } as const;
  const mayRead = await grantOf(authorize, request, log).then(
    ({ read }) => read === 'all',
    () => false,
  );
  const image = mayRead ? await images.worthwhileImageOf(replica) : undefined;
  if (image === undefined) return undefined;
  const { cursor, bytes, hash } = image;
  return { era: cursor.nonce, at: cursor.at, bytes, hash };
}

/** Now that the site is known, the hook is asked again. */
function grantForSite({ authorize, log }: RelayContext, caller: Caller, site: SiteId): Promise<Grant> {
  const { dbid, token, headers, address } = caller;
  return grantOf(authorize, { operation: 'socket', dbid, token, site, headers, address }, log);
}

/**
 * The former sites that this key speaks for; its own site must be among those it may.
 *
 * Errors  those of the pins; SITE_TAKEN only for its own site.
 */
async function boundSites({ pins }: RelayContext, caller: Caller, hello: Hello): Promise<SiteId[]> {
  const speaker = { dbid: caller.dbid, siteKey: hello.siteKey, token: caller.token };
  await pins.admit({ ...speaker, site: hello.site });
  const bound: SiteId[] = [];
  for (const site of hello.formerSites) {
    try {
      await pins.admit({ ...speaker, site });
      bound.push(site);
    } catch (error) {
      if (!isReplicationError(error, 'SITE_TAKEN')) throw error;
    }
  }
  return bound;
}

function refuse({ codec, log, meter }: RelayContext, port: FramePort, error: ReplicationError): void {
  const { code, message } = error;
  log[error.level]({ code, peer: port.description }, `session refused: ${message}`);
  meter.count('crmesh_sessions_refused_total', { code });
  refuseSession(codec, port, error);
}
