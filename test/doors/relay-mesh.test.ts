/** Real relays that stay with an upstream belong to its mesh, also before they have reached it again. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { open } from '../../src/node.ts';
import type { SyncLink } from '../../src/node.ts';
import { startRelay, TODO_SCHEMA } from './served-relay.ts';
import type { TestRelay } from './served-relay.ts';

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

test('a leaf may call a relay and its upstream, also while the relay cannot reach it; not two that are apart', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'crmesh-mesh-'));
  const leaf = await open(':memory:', { schema: TODO_SCHEMA, log: quiet });
  await using root = await startRelay({ log: quiet });
  const call = ({ url }: TestRelay): SyncLink => leaf.sync(`${url.replace('http', 'ws')}/todo`);
  const toRoot = call(root);
  await toRoot.synced();
  let relay = await startRelay({ log: quiet, upstreams: [{ url: root.url }] }, dir);
  try {
    toRoot.pause();
    const first = call(relay);
    await first.synced();
    await leaf.exec("INSERT INTO todo VALUES (1, 'x', 0)");
    await first.synced();
    const other = await open(':memory:', { schema: TODO_SCHEMA, log: quiet });
    const seen = other.sync(`${root.url}/todo`);
    while ((await other.query('SELECT id FROM todo')).length === 0) await seen.synced();
    await other.close();
    first.close();
    await relay.close();
    relay = await startRelay({ log: quiet, upstreams: [{ url: 'http://127.0.0.1:9' }] }, dir);
    toRoot.resume();
    await toRoot.synced();
    await call(relay).synced();
    await using apart = await startRelay({ log: quiet, authorize: () => ({ ...GRANT, vouch: false }) });
    await expect(call(apart).synced()).rejects.toMatchObject({ code: 'MESH_MISMATCH' });
  } finally {
    await leaf.close();
    await relay.close();
    rmSync(dir, { recursive: true, force: true });
  }
});

const GRANT = { read: 'all', write: 'all', schema: true, mode: 'leaf' } as const;
