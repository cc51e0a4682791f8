/** Counts what stays connected (sockets, sessions, streams), in all and by address. */
import { ReplicationError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';

export class Connections {
  readonly #limits: Pick<Limits, 'connectionsMax' | 'connectionsPerAddressMax'>;
  readonly #countByAddress = new Map<string, number>();
  #count = 0;

  constructor(limits: Pick<Limits, 'connectionsMax' | 'connectionsPerAddressMax'>) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#count;
  }

  /** Returns what ends it. Errors  LIMIT_EXCEEDED for all together, RATE_LIMITED for one address. */
  enter(address: string | undefined): () => void {
    const { connectionsMax, connectionsPerAddressMax } = this.#limits;
    const key = address ?? '';
    const ofAddress = this.#countByAddress.get(key) ?? 0;
    if (this.#count >= connectionsMax) {
      throw new ReplicationError('LIMIT_EXCEEDED', `this relay has ${connectionsMax} connections: try again later`);
    }
    if (ofAddress >= connectionsPerAddressMax) {
      throw new ReplicationError('RATE_LIMITED', `your address has ${ofAddress} connections: close some, or wait`);
    }
    this.#count++;
    this.#countByAddress.set(key, ofAddress + 1);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#leave(key);
    };
  }

  #leave(key: string): void {
    this.#count--;
    const rest = (this.#countByAddress.get(key) ?? 1) - 1;
    if (rest > 0) this.#countByAddress.set(key, rest);
    else this.#countByAddress.delete(key);
  }
}
