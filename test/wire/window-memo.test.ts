/** One codec for many links sends each of them what a codec of its own would. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Coverage } from '../../src/core/coverage.ts';
import type { EraNonce } from '../../src/core/cursor.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { encodePackedKey } from '../../src/core/packed-key.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import type { StoreVersion } from '../../src/core/version.ts';
import { createCodec } from '../../src/wire/codec.ts';
import type { Window } from '../../src/wire/message.ts';
import type { PartBlob } from '../../src/wire/part-blob.ts';

const LINKS = 3;
const ERAS = ['0a', '0b'].map((byte) => byte.repeat(16) as EraNonce);
const SITES = ['11', '22', '33'].map((byte) => byte.repeat(16) as SiteId);
const shared = createCodec({ limits: DEFAULT_LIMITS });

const BLOBS: readonly PartBlob[] = SITES.map((site, i) => {
  const row = { table: 't', pk: encodePackedKey([i]), cid: 'a', val: i, colVersion: 1, cl: 1, seq: 0, version: 1 };
  return shared.blobOf({ site, span: [0, 1], rows: [row] });
});
const SPANS: readonly Coverage[] = SITES.map((site) => new Map([[site, [[0, 1]]]]));
const OTHER_CLAIMS: Coverage = new Map([[SITES[0]!, [[0, 9]]]]);

/** A few windows of few commits, so that links are often sent the same. */
const anyWindow: fc.Arbitrary<Window> = fc
  .record({
    era: fc.constantFrom(...ERAS),
    from: fc.nat(1),
    grows: fc.nat(1),
    n: fc.nat(1),
    site: fc.nat(SITES.length - 1),
    parts: fc.constantFrom('one', 'one', 'one', 'two', 'none'),
    ownClaims: fc.boolean(),
  })
  .map(({ era, from, grows, n, site, parts, ownClaims }) => {
    const one = BLOBS[site]!;
    return {
      type: 'window',
      era,
      from: from as StoreVersion,
      to: (from + grows) as StoreVersion,
      n,
      parts: parts === 'none' ? [] : parts === 'one' ? [one] : [one, BLOBS[(site + 1) % SITES.length]!],
      claims: ownClaims ? SPANS[site]! : OTHER_CLAIMS,
    };
  });

test('links of one codec are sent what they would be sent by codecs of their own', () => {
  const sends = fc.array(fc.tuple(anyWindow, fc.uniqueArray(fc.nat(LINKS - 1), { minLength: 1 })), { maxLength: 12 });
  fc.assert(
    fc.property(sends, (windows) => {
      const codec = createCodec({ limits: DEFAULT_LIMITS });
      const links = Array.from({ length: LINKS }, () => codec.forLink());
      const alone = Array.from({ length: LINKS }, () => createCodec({ limits: DEFAULT_LIMITS }).forLink());
      for (const [window, told] of windows) {
        for (const link of told) expect(links[link]!.encode(window)).toEqual(alone[link]!.encode(window));
      }
    }),
    { numRuns: 1_000 },
  );
});

test('links that count and name alike are sent the same frame, and read it each', () => {
  const codec = createCodec({ limits: DEFAULT_LIMITS });
  const links = [codec.forLink(), codec.forLink()];
  const readers = [codec.forLink(), codec.forLink()];
  const windowOf = (n: number): Window => {
    const [at, to] = [n as StoreVersion, (n + 1) as StoreVersion];
    return { type: 'window', era: ERAS[0]!, from: at, to, n, parts: [BLOBS[0]!], claims: SPANS[0]! };
  };
  const frames = [0, 1, 2].map((n) => links.map((link) => link.encode(windowOf(n))));
  expect(frames.map(([first, second]) => first === second)).toEqual([false, true, true]);
  frames.forEach((sent, n) => {
    for (const [i, frame] of sent.entries()) expect(readers[i]!.decode(frame)).toMatchObject({ type: 'window', n });
  });
});
