/** Turns of loops that share a thread: one after a long turn comes behind what others asked for meanwhile. */
import { expect, test } from 'vitest';
import { LONG_TURN_CHANGES, LoopTurns } from '../../src/replica/loop-turns.ts';

/** Deferred work in rounds, as a machine's loop runs it: what is deferred in a round runs in the next one. */
class Rounds {
  #waiting: (() => void)[] = [];
  readonly runtime = { defer: (callback: () => void): void => void this.#waiting.push(callback) };

  /** `arrives`: what the machine tells before it runs what was deferred. */
  run(arrives: () => void = () => undefined): void {
    arrives();
    for (const callback of this.#waiting.splice(0)) callback();
  }
}

function loopIn(rounds: Rounds, turn: (turns: LoopTurns) => void, mayTurn = (): boolean => true): LoopTurns {
  const turns: LoopTurns = new LoopTurns({ runtime: rounds.runtime, mayTurn, turn: () => turn(turns) });
  return turns;
}

test('a turn that was asked for many times comes once, and none while the loop stands still', () => {
  const rounds = new Rounds();
  let standsStill = false;
  let taken = 0;
  const turns = loopIn(
    rounds,
    () => (taken += 1),
    () => !standsStill,
  );
  turns.ask();
  turns.ask();
  rounds.run();
  rounds.run();
  expect(taken).toBe(1);
  turns.ask();
  standsStill = true;
  rounds.run();
  turns.ask();
  rounds.run();
  expect(taken).toBe(1);
  standsStill = false;
  turns.ask();
  rounds.run();
  expect(taken).toBe(2);
});

test('between two long turns every other loop has one', () => {
  const rounds = new Rounds();
  const taken: string[] = [];
  const bulk = loopIn(rounds, (turns) => {
    taken.push('bulk');
    turns.noteChanges(LONG_TURN_CHANGES);
    turns.ask();
  });
  const live = loopIn(rounds, (turns) => {
    taken.push('live');
    turns.noteChanges(3);
  });
  bulk.ask();
  for (let round = 0; round < 7; round++) rounds.run(() => live.ask());
  expect(taken).toEqual(['bulk', 'live', 'live', 'bulk', 'live', 'live', 'bulk', 'live', 'live', 'bulk', 'live']);
});

test('a short turn is followed at once', () => {
  const rounds = new Rounds();
  let taken = 0;
  const turns = loopIn(rounds, (own) => {
    taken += 1;
    own.noteChanges(LONG_TURN_CHANGES - 1);
    own.ask();
  });
  turns.ask();
  for (let round = 0; round < 4; round++) rounds.run();
  expect(taken).toBe(4);
});
