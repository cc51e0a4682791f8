/**
 * The HTTP bodies of bodies.ts in binary (application/vnd.crmesh): what json-bodies.ts says, in the forms of frames.
 */
import type { Coverage } from '../core/coverage.ts';
import type { EraNonce } from '../core/cursor.ts';
import type { SiteId } from '../core/site-id.ts';
import type { StoreVersion } from '../core/version.ts';
import type { BlobContext } from './blob-codec.ts';
import { blobOfBody, readBlobs, writeBlobs } from './blob-codec.ts';
import type { ChangesBody, PushBody, StoreOrderAnswer } from './bodies.ts';
import type { ByteReader } from './byte-reader.ts';
import { malformed } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import type { Compression } from './compression.ts';
import { readCoverage, writeCoverage } from './coverage-codec.ts';
import type { IdMemory } from './id-memory.ts';
import { readCursor, writeCursor } from './message-codec.ts';

export interface BodyWriting {
  readonly ids: IdMemory;
  readonly compression: Compression | undefined;
}

export function writeChangesBody(writer: ByteWriter, body: ChangesBody, { ids, compression }: BodyWriting): void {
  if (body.form === 'push') {
    writer.u8(body.inOrder ? 1 : 0);
    return writeBlobs(writer, [blobOfBody(body, compression)], ids);
  }
  ids.write(writer, body.site);
  ids.write(writer, body.epoch);
  writer.u8(body.more ? 1 : 0);
  if (body.form === 'want') writeCoverage(writer, body.since, ids);
  else writeStoreOrder(writer, body, ids);
  writeCoverage(writer, body.claims, ids);
  writer.varint(body.parts.length);
  const blobs = body.parts.map((part) => blobOfBody(part, compression));
  return writeBlobs(writer, blobs, ids);
}

/** Errors  FRAME_MALFORMED, TOO_LARGE, CHANGE_INVALID. */
export function readChangesBody(reader: ByteReader, form: ChangesBody['form'], context: BlobContext): ChangesBody {
  if (form === 'push') return readPush(reader, context);
  const { ids, budget } = context;
  const head = { site: ids.read(reader) as SiteId, epoch: ids.read(reader) as EraNonce, more: reader.flag() };
  const order: Coverage | StoreOrder =
    form === 'want' ? readCoverage(reader, ids, budget.limits) : readStoreOrder(reader, ids, head.epoch);
  const claims = readCoverage(reader, ids, budget.limits);
  const parts = readBlobs(reader, reader.varint(), context).map(({ body }) => body);
  const rest = { ...head, claims, parts };
  return 'from' in order ? { form: 'store-order', ...rest, ...order } : { form: 'want', ...rest, since: order };
}

function readPush(reader: ByteReader, context: BlobContext): PushBody {
  const inOrder = reader.flag();
  const [blob] = readBlobs(reader, 1, context);
  return { form: 'push', ...blob!.body, inOrder };
}

type StoreOrder = Pick<StoreOrderAnswer, 'since' | 'from' | 'to' | 'cursor'>;

/** The cursor is {epoch, to}. */
function writeStoreOrder(writer: ByteWriter, { since, from, to }: StoreOrder, ids: IdMemory): void {
  writer.u8(since === undefined ? 0 : 1);
  if (since !== undefined) writeCursor(writer, since, ids);
  writer.varint(from);
  writer.varint(to - from);
}

function readStoreOrder(reader: ByteReader, ids: IdMemory, epoch: EraNonce): StoreOrder {
  const since = reader.flag() ? readCursor(reader, ids) : undefined;
  const from = reader.varint() as StoreVersion;
  const to = (from + reader.varint()) as StoreVersion;
  if (!Number.isSafeInteger(to)) throw malformed('a version is too large');
  return { since, from, to, cursor: { nonce: epoch, at: to } };
}
