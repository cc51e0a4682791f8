/** GET /:dbid/changes and GET /:dbid/stream: pages of changes, asked for or as they come. */
import type { Cursor } from '../../core/cursor.ts';
import { ReplicationError } from '../../core/errors.ts';
import type { SiteId } from '../../core/site-id.ts';
import { siteIdFromHex } from '../../core/site-id.ts';
import { streamAnswer } from '../answer.ts';
import { answerText, changesAnswer, cursorOfText, sinceOfText } from '../change-bodies.ts';
import { storeOrderPage, wantPage } from '../change-pages.ts';
import type { PageOptions } from '../change-pages.ts';
import { ChangeStream } from '../change-stream.ts';
import type { Call } from '../relay-context.ts';
import { leaseFor, withDatabase } from '../relay-context.ts';
import { assertMayRead } from './databases.ts';
import type { Endpoint } from './endpoint.ts';

export const getChanges: Endpoint = {
  operation: 'getChanges',
  run(call) {
    assertMayRead(call);
    const since = sinceOfText(call.context, call.url.searchParams.get('since'));
    const options = pageOptionsOf(call);
    return withDatabase(call, ({ replica }) => {
      const page =
        since.kind === 'have' ? wantPage(replica, since.have, options) : storeOrderPage(replica, since.cursor, options);
      return changesAnswer(call.context, page, call.headers.get('accept'));
    });
  },
};

export const startStream: Endpoint = {
  operation: 'startSSE',
  async run(call) {
    assertMayRead(call);
    const { context, grant } = call;
    const since = streamStartOf(call);
    const page = pageOptionsOf(call);
    const leave = context.connections.enter(call.address);
    const lease = await leaseFor(context, call).catch((error: unknown) => {
      leave();
      throw error;
    });
    const stream: ChangeStream = new ChangeStream({
      replica: lease.replica,
      since,
      page,
      runtime: context.runtime,
      beatMs: context.limits.streamBeatMs,
      expiresAt: grant.expiresAt,
      textOf: answerText,
      onEnd: () => {
        context.streams.delete(close);
        lease.release();
        leave();
      },
    });
    const close = (): void => stream.close();
    context.streams.add(close);
    return streamAnswer(stream.body);
  },
};

/** Last-Event-ID (a browser's own resume) beats since. */
function streamStartOf({ headers, url, context }: Call): Cursor | undefined {
  const last = headers.get('last-event-id');
  return cursorOfText(context, last === null || last === '' ? url.searchParams.get('since') : last);
}

function pageOptionsOf({ url, context }: Call): PageOptions {
  const { pageChanges, pageChangesMax } = context.limits;
  const limit = url.searchParams.get('limit');
  if (limit !== null && !/^[1-9][0-9]{0,8}$/.test(limit)) {
    throw new ReplicationError('BAD_REQUEST', 'limit is a number of changes, 1 or more');
  }
  const changesMax = Math.min(limit === null ? pageChanges : Number(limit), pageChangesMax);
  return { changesMax, exclude: excludeOf(url.searchParams.get('exclude')) };
}

function excludeOf(text: string | null): SiteId | undefined {
  return text === null || text === '' ? undefined : siteIdFromHex(text);
}
