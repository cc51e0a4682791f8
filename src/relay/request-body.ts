/** Reading request bodies: never more than allowed, whatever the headers say. */
import { ReplicationError } from '../core/errors.ts';

export type BodyKind = 'json' | 'binary' | 'text';

const KIND_BY_TYPE: Readonly<Record<string, BodyKind>> = {
  'application/json': 'json',
  'application/vnd.crmesh': 'binary',
  'text/plain': 'text',
  'application/sql': 'text',
};

/** Errors  MEDIA_TYPE when the body's type is none of `allowed`, or it is compressed. */
export function bodyKindOf(request: Request, allowed: readonly BodyKind[]): BodyKind {
  const type = (request.headers.get('content-type') ?? '').split(';')[0]!.trim().toLowerCase();
  const kind = KIND_BY_TYPE[type];
  const encoding = request.headers.get('content-encoding') ?? 'identity';
  if (kind !== undefined && allowed.includes(kind) && encoding === 'identity') return kind;
  const types = Object.keys(KIND_BY_TYPE).filter((name) => allowed.includes(KIND_BY_TYPE[name]!));
  throw new ReplicationError('MEDIA_TYPE', `send the body uncompressed, with Content-Type ${types.join(' or ')}`);
}

/** Bytes of bodies that a relay holds: of calls until they are answered, of answers until they are read. */
export class BodyBudget {
  readonly #bytesMax: number;
  #held = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Errors  LIMIT_EXCEEDED when there is no room for so much. */
  take(bytes: number): void {
    if (this.#held + bytes > this.#bytesMax) {
      throw new ReplicationError(
        'LIMIT_EXCEEDED',
        'this relay holds too many bodies and answers at once: try again later',
      );
    }
    this.#held += bytes;
  }

  give(bytes: number): void {
    this.#held -= bytes;
  }
}

/**
 * `take` is told of the bytes before they are kept, and may refuse.
 *
 * Errors  TOO_LARGE as soon as it is known; LINK_LOST when the body breaks off; what `take` throws.
 */
export async function readBody(
  request: Request,
  bytesMax: number,
  take: (bytes: number) => void = () => undefined,
): Promise<Uint8Array> {
  if (Number(request.headers.get('content-length') ?? 0) > bytesMax) throw tooLarge(bytesMax);
  if (request.body === null) return new Uint8Array(0);
  const reader = (request.body as ReadableStream<Uint8Array>).getReader();
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read().catch(brokenOff);
    if (done) return joined(pieces, length);
    length += value.length;
    try {
      if (length > bytesMax) throw tooLarge(bytesMax);
      take(value.length);
    } catch (error) {
      await reader.cancel().catch(() => undefined);
      throw error;
    }
    pieces.push(value);
  }
}

/** Errors  BAD_REQUEST for bytes that are no UTF-8. */
export function textFromBody(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw new ReplicationError('BAD_REQUEST', 'the body is not UTF-8');
  }
}

/** Errors  BAD_REQUEST for anything but a JSON object. */
export function objectFromBody(body: Uint8Array): Readonly<Record<string, unknown>> {
  const text = textFromBody(body);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ReplicationError('BAD_REQUEST', 'the body is not JSON');
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new ReplicationError('BAD_REQUEST', 'the body is not a JSON object');
}

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  if (pieces.length === 1) return pieces[0]!;
  const body = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    body.set(piece, at);
    at += piece.length;
  }
  return body;
}

function tooLarge(bytesMax: number): ReplicationError {
  return new ReplicationError('TOO_LARGE', `a body has ${bytesMax} bytes at most: send it in pieces`);
}

function brokenOff(error: unknown): never {
  throw new ReplicationError('LINK_LOST', 'the body broke off', {}, { cause: error });
}
