/** Whatever was written where, and in whatever order parts came: replicas that exchanged everything are equal. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { StoreFault } from '../../src/store/faults.ts';
import { actions, runWorld } from './world.ts';

const RUNS = Number(process.env['CRMESH_WORLDS'] ?? 60);

test('any interleaving of parts converges: byte-equal tables, equal coverage', () => {
  fc.assert(
    fc.property(actions(4, 40), (script) => {
      const texts = runWorld(4, script);
      for (const text of texts) expect(text).toBe(texts[0]);
    }),
    { numRuns: RUNS },
  );
}, 600_000);

const caught: readonly StoreFault[] = ['tie-break', 'pk-update-repair', 'span-booking', 'empty-own-version'];

test.each(caught)('worlds notice when %s is off', (fault) => {
  const result = fc.check(
    fc.property(actions(4, 40), (script) => {
      const texts = runWorld(4, script, { [fault]: true });
      return texts.every((text) => text === texts[0]);
    }),
    { numRuns: 300, seed: 1, endOnFailure: true },
  );
  expect(result.failed).toBe(true);
});
