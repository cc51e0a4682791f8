/** A share of the kills: a real relay process, real clients. Needs `npm run build`, as `npm test` does. */
import { expect, test } from 'vitest';
import { createWasmDriver } from '../../src/sqlite/wasm/driver.ts';
import { runCase } from './kill.ts';
import { copyBuild } from './relay-process.ts';
import { freshSeed } from './share.ts';

test('a relay that is killed under load has every write that it acknowledged, and all end equal after it', async () => {
  const seed = freshSeed();
  const build = copyBuild();
  const counts = await runCase({ driver: await createWasmDriver(), build, seed, kills: 3 }).finally(build.remove);
  process.stdout.write(`kill: seed ${seed}: ${JSON.stringify(counts)}\n`);
  expect(counts).toMatchObject({ kills: 3 });
}, 60_000);
