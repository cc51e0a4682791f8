/** What counts as the same part, delivered and sent. */
import { expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { encodePackedKey } from '../../src/core/packed-key.ts';
import type { PartBody } from '../../src/core/part.ts';
import type { SiteId } from '../../src/core/site-id.ts';
import { EchoWatch } from '../../src/replica/echo-watch.ts';
import { createCodec } from '../../src/wire/codec.ts';

const [OWN, FIRST, SECOND] = ['00', '11', '22'].map((byte) => byte.repeat(16) as SiteId) as [SiteId, SiteId, SiteId];
const codec = createCodec({ limits: DEFAULT_LIMITS });

function bodyOf(site: SiteId): PartBody {
  const row = { table: 't', pk: encodePackedKey([1]), cid: 'a', val: 'same', colVersion: 1, cl: 1, seq: 0, version: 1 };
  return { site, span: [0, 1], rows: [row] };
}

test('a part of another site with the same rows is another part', () => {
  const echoes = new EchoWatch(OWN);
  echoes.noteReceived(codec.blobOf(bodyOf(FIRST)));
  expect(echoes.hasDelivered(codec.blobOf(bodyOf(FIRST)))).toBe(true);
  expect(echoes.hasDelivered(codec.blobOf(bodyOf(SECOND)))).toBe(false);
});

test('an own part that comes back, and a live part that goes back, are counted by their changes', () => {
  const echoes = new EchoWatch(OWN);
  echoes.noteReceived(codec.blobOf(bodyOf(FIRST)));
  expect(echoes.changesEchoed).toBe(0);
  echoes.noteSentLive(codec.blobOf(bodyOf(SECOND)));
  expect(echoes.changesEchoed).toBe(0);
  echoes.noteSentLive(codec.blobOf(bodyOf(FIRST)));
  expect(echoes.changesEchoed).toBe(1);
  echoes.noteReceived(codec.blobOf(bodyOf(OWN)));
  expect(echoes.changesEchoed).toBe(2);
});
