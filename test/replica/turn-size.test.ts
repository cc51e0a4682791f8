/** How much a turn takes: it follows the clock, within bounds. */
import { expect, test } from 'vitest';
import { TurnSize } from '../../src/replica/turn-size.ts';

/** A machine that merges at a pace of its own; its clock moves only while it does. */
class Machine {
  clock = 1_000_000;
  links = 2;
  /** What each commit costs, whatever is in it. */
  commitMs = 0;
  readonly size = new TurnSize({ now: () => this.clock, links: () => this.links });

  /** As many turns, each of as much as the turns before have led to. */
  merges(turns: number, microsecondsPerChange: number): void {
    for (let turn = 0; turn < turns; turn++) this.mergesOnce(this.size.changes, microsecondsPerChange);
  }

  mergesOnce(changes: number, microsecondsPerChange: number): void {
    this.size.measure(() => {
      this.clock += this.commitMs + (changes * microsecondsPerChange) / 1_000;
      return changes;
    });
  }
}

/** The changes that a machine of this pace takes once it knows itself. */
function settled(microsecondsPerChange: number): number {
  const machine = new Machine();
  machine.merges(30, microsecondsPerChange);
  return machine.size.changes;
}

test('a turn takes what the machine merges in the same short time, however fast it is', () => {
  const milliseconds = [4, 5, 10, 15].map((pace) => Math.round((settled(pace) * pace) / 1_000));
  expect(new Set(milliseconds)).toEqual(new Set([20]));
});

test('a slow machine takes no less than a commit is worth, a fast one no more than others may wait for', () => {
  expect([settled(20), settled(100), settled(10_000)]).toEqual([1_000, 1_000, 1_000]);
  expect([settled(2), settled(0.1)]).toEqual([10_000, 10_000]);
});

test('who is alone and does not write takes more at once, for larger groups need fewer commits', () => {
  const machine = new Machine();
  machine.merges(30, 16);
  expect(machine.size.changes).toBe(1_250);
  machine.links = 1;
  expect(machine.size.changes).toBe(6_250);
  machine.size.noteWrite();
  machine.clock += 1_000;
  expect(machine.size.changes).toBe(1_250);
  machine.clock += 1;
  expect(machine.size.changes).toBe(6_250);
});

test('a clock that stands still or is set back within a turn leaves the most there may be', () => {
  expect(settled(0)).toBe(10_000);
  expect(settled(-50)).toBe(10_000);
});

test('a machine that becomes busy takes less with every turn, and more again when it is free', () => {
  const machine = new Machine();
  machine.merges(30, 5);
  const free = machine.size.changes;
  const sizes: number[] = [];
  for (let turn = 0; turn < 5; turn++) {
    machine.merges(1, 15);
    sizes.push(machine.size.changes);
  }
  expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
  expect(sizes.at(-1)).toBeLessThan(free / 2);
  machine.merges(30, 5);
  expect(machine.size.changes).toBe(free);
});

test('a small commit says nothing about the next large one', () => {
  const machine = new Machine();
  machine.merges(30, 5);
  const before = machine.size.changes;
  for (let commit = 0; commit < 100; commit++) machine.mergesOnce(3, 1_000);
  expect(machine.size.changes).toBe(before);
});

test('what a commit costs on a slow disk makes groups no smaller, and where it is more than a turn they are as long', () => {
  const machine = new Machine();
  machine.commitMs = 15;
  for (let commit = 0; commit < 30; commit++) machine.mergesOnce(1, 5);
  machine.merges(30, 5);
  expect(machine.size.changes).toBeGreaterThan(3_900);
  machine.commitMs = 40;
  for (let commit = 0; commit < 30; commit++) machine.mergesOnce(1, 5);
  machine.merges(30, 5);
  expect(machine.size.changes).toBeGreaterThan(7_900);
});
