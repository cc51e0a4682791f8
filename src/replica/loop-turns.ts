/**
 * When the loop takes its next turn: soon, and after a long turn behind the turns of other replicas.
 *
 * Why     What arrives during a long turn is heard of when it is over, and its replicas then ask for turns of their own.
 *         Asked for twice, the next turn here comes behind those, so a bulk transfer delays each of them by one long
 *         turn and not by two.
 */
import type { Runtime } from '../core/runtime.ts';

/** Changes that make a turn a long one. */
export const LONG_TURN_CHANGES = 1_000;

export interface LoopTurnsOptions {
  readonly runtime: Pick<Runtime, 'defer'>;
  /** The loop neither stands still nor has ended. */
  readonly mayTurn: () => boolean;
  readonly turn: () => void;
}

export class LoopTurns {
  readonly #options: LoopTurnsOptions;
  #isAsked = false;
  #wasLong = false;

  constructor(options: LoopTurnsOptions) {
    this.#options = options;
  }

  ask(): void {
    if (this.#isAsked || !this.#options.mayTurn()) return;
    this.#isAsked = true;
    this.#options.runtime.defer(() => this.#take());
  }

  /** How much the turn that runs has done. */
  noteChanges(changes: number): void {
    this.#wasLong = changes >= LONG_TURN_CHANGES;
  }

  #take(): void {
    const { runtime, mayTurn, turn } = this.#options;
    if (this.#wasLong) {
      this.#wasLong = false;
      return runtime.defer(() => this.#take());
    }
    this.#isAsked = false;
    if (mayTurn()) turn();
  }
}
