/** GET and POST /:dbid/session/:sessionId, and what GET /:dbid/socket says to a caller that does not upgrade. */
import { codedError, ReplicationError } from '../../core/errors.ts';
import { BATCH_HEADER, HttpSessionPort } from '../../transport/http-session.ts';
import { streamAnswer } from '../answer.ts';
import { assertDatabaseName } from '../database-name.ts';
import type { Call } from '../relay-context.ts';
import { bodyKindOf } from '../request-body.ts';
import { serveSession } from '../sockets.ts';
import type { Endpoint } from './endpoint.ts';

export const openSession: Endpoint = {
  operation: 'socket',
  async run(call) {
    const { context, dbid, token, sessionId, address } = call;
    assertDatabaseName(dbid);
    const leave = context.connections.enter(address);
    const onEnded = (): void => {
      context.sessions.delete(sessionId);
      leave();
    };
    const port = new HttpSessionPort(`http ${address ?? 'caller'}`, { ...context, onEnded });
    try {
      context.sessions.add(sessionId, { port, dbid, token });
    } catch (error) {
      leave();
      throw error;
    }
    void serveSession(context, port, call);
    return streamAnswer(port.body);
  },
};

export const feedSession: Endpoint = {
  operation: 'socket',
  async run(call) {
    const { context, request, sessionId, url } = call;
    const { port } = context.sessions.get(sessionId, call);
    bodyKindOf(request, ['binary']);
    const batch = await call.body(context.limits.bodyBytesMax).catch((error: unknown) => {
      port.close(codedError(error).close, codedError(error).code);
      throw error;
    });
    port.receive(batch, batchNumberOf(call));
    const close = Number(url.searchParams.get('close') ?? Number.NaN);
    if (Number.isInteger(close)) port.closedByPeer(close, url.searchParams.get('reason') ?? '');
    return new Response(null, { status: 204 });
  },
};

export const upgradeRequired: Endpoint = {
  operation: 'socket',
  run: () =>
    Promise.reject(
      new ReplicationError('WIRE_VERSION', 'this is the address of a WebSocket: upgrade with subprotocol crmesh.v1'),
    ),
};

function batchNumberOf({ headers }: Call): number | undefined {
  const text = headers.get(BATCH_HEADER);
  if (text === null) return undefined;
  if (!/^[0-9]{1,15}$/.test(text)) {
    throw new ReplicationError('BAD_REQUEST', `${BATCH_HEADER} counts the bodies of this session from 0`);
  }
  return Number(text);
}
