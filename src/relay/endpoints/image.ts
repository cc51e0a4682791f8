/** GET /:dbid/image: the database as one compressed file, whole or from any byte on, for replicas that start with nothing. */
import { ReplicationError } from '../../core/errors.ts';
import type { Call } from '../relay-context.ts';
import { withDatabase } from '../relay-context.ts';
import type { DatabaseImage } from '../storage.ts';
import type { Endpoint } from './endpoint.ts';

/** The ETag is the SHA-256 of the bytes. A range of another image than If-Range names is answered with the whole. */
export const getImage: Endpoint = {
  operation: 'image',
  run(call) {
    assertMayReadAll(call);
    return withDatabase(call, async ({ replica }) => answerWith(call, await call.context.images.imageOf(replica)));
  },
};

/** An image holds everything. */
function assertMayReadAll({ grant }: Call): void {
  if (grant.read === 'all') return;
  throw new ReplicationError('FORBIDDEN', 'the token does not allow reading all of this database, which an image is');
}

function answerWith({ headers }: Call, image: DatabaseImage): Response {
  const etag = `"${image.hash}"`;
  const common = { etag, 'accept-ranges': 'bytes', 'cache-control': 'private, no-cache' };
  if (headers.get('if-none-match') === etag) return new Response(null, { status: 304, headers: common });
  const type = { 'content-type': 'application/vnd.crmesh.image' };
  const from = firstByteOf(headers, etag);
  if (from === undefined) {
    const length = { 'content-length': String(image.bytes) };
    return new Response(image.read(0, image.bytes), { headers: { ...common, ...type, ...length } });
  }
  if (from >= image.bytes) {
    return new Response(null, { status: 416, headers: { ...common, 'content-range': `bytes */${image.bytes}` } });
  }
  const range = { 'content-range': `bytes ${from}-${image.bytes - 1}/${image.bytes}` };
  const length = { 'content-length': String(image.bytes - from) };
  return new Response(image.read(from, image.bytes), {
    status: 206,
    headers: { ...common, ...type, ...range, ...length },
  });
}

/** Only the form that a resumed transfer has is served in part; for any other the whole is as right an answer. */
function firstByteOf(headers: Headers, etag: string): number | undefined {
  const wanted = headers.get('if-range');
  if (wanted !== null && wanted !== etag) return undefined;
  const match = /^bytes=(\d{1,15})-$/.exec(headers.get('range') ?? '');
  return match === null ? undefined : Number(match[1]);
}
