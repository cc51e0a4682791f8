/** The wait before a link is tried again. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { retryDelayMs } from '../../src/replica/retry-delay.ts';

const limits = { ...DEFAULT_LIMITS, retryFirstMs: 100, retryMaxMs: 1_000, retryAfterMsMax: 5_000 };

describe('retry delay', () => {
  test('doubles up to the longest, half of it random', () => {
    const delays = [0, 1, 2, 3, 4, 1e9].map((failures) =>
      retryDelayMs({ failures, random: 0, retryAfterMs: undefined }, limits),
    );
    expect(delays).toEqual([50, 100, 200, 400, 500, 500]);
    expect(retryDelayMs({ failures: 0, random: 0.999, retryAfterMs: undefined }, limits)).toBe(100);
  });

  test("honours the peer's wish up to a bound, whatever it says", () => {
    fc.assert(
      fc.property(fc.double(), fc.nat(100), fc.double({ min: 0, max: 1, noNaN: true }), (asked, failures, random) => {
        const delay = retryDelayMs({ failures, random, retryAfterMs: asked }, limits);
        expect(delay).toBeGreaterThanOrEqual(50);
        expect(delay).toBeLessThanOrEqual(5_000);
        if (asked >= 1_000 && asked <= 5_000) expect(delay).toBe(asked);
      }),
    );
  });
});
