/** Time for waits never goes back, whatever happens to the wall clock. */
import { expect, test } from 'vitest';
import { steadyClock } from '../../src/core/steady-clock.ts';

const HOUR = 3_600_000;

test('a steady clock goes on from where it was when the wall clock is set back', () => {
  let wall = 10 * HOUR;
  const now = steadyClock(() => wall);
  wall += 1_000;
  expect(now()).toBe(10 * HOUR + 1_000);
  wall -= HOUR;
  expect(now()).toBe(10 * HOUR + 1_000);
  wall += 500;
  expect(now()).toBe(10 * HOUR + 1_500);
  wall -= HOUR;
  wall += 20;
  expect(now()).toBe(10 * HOUR + 1_500);
});

test('a steady clock follows a wall clock that is set forward', () => {
  let wall = 0;
  const now = steadyClock(() => wall);
  wall += HOUR;
  expect(now()).toBe(HOUR);
});
