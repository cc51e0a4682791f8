/** Part blobs in frames: a body is encoded once; received bytes are kept to be passed on as they are. */
import type { Limits } from '../core/limits.ts';
import type { ReceivedBody } from '../core/part.ts';
import type { SiteId } from '../core/site-id.ts';
import { decodeBody, encodeBody } from './body-codec.ts';
import type { ByteReader } from './byte-reader.ts';
import { malformed } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import type { Compression } from './compression.ts';
import type { DecodeBudget } from './decode-budget.ts';
import type { IdMemory } from './id-memory.ts';
import type { PartBlob } from './part-blob.ts';

export function blobOfBody(body: ReceivedBody, compression: Compression | undefined): PartBlob {
  return { body, bytes: encodeBody(body, compression) };
}

export interface BlobContext {
  readonly ids: IdMemory;
  readonly budget: DecodeBudget;
  readonly compression: Compression | undefined;
}

/** Site and body of each; the last body takes what is left, so nothing may follow. */
export function writeBlobs(writer: ByteWriter, blobs: readonly PartBlob[], ids: IdMemory): void {
  blobs.forEach(({ body, bytes }, i) => {
    ids.write(writer, body.site);
    if (i < blobs.length - 1) writer.varint(bytes.length);
    writer.raw(bytes);
  });
}

export function readBlobs(reader: ByteReader, count: number, context: BlobContext): PartBlob[] {
  if (count > reader.left) throw malformed('more parts than bytes');
  const blobs: PartBlob[] = [];
  for (let i = 0; i < count; i++) {
    const site = context.ids.read(reader) as SiteId;
    // A copy of its own, so that a body that is passed on later does not hold its whole frame.
    const bytes = (i < count - 1 ? reader.bytes() : reader.raw(reader.left)).slice();
    blobs.push({ body: decodeBody(site, bytes, context), bytes });
  }
  return blobs;
}

/** What a codec is made from. */
export interface CodecOptions {
  readonly limits: Limits;
  readonly compression?: Compression;
}
