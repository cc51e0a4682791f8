/**
 * The bytes that all links of a relay hold of what they received: frames that wait for the loop, and messages whose last
 * chunk is missing. Each link is bounded by itself; together they are bounded here.
 *
 * Why  Beyond the bound the link that holds most of all ends, whoever asked last: who sends little is served while
 *      others fill the memory.
 */
export interface ByteHolder {
  /** Lets go of everything at once. */
  overrun(): void;
}

export class ReceiveBudget {
  readonly #bytesMax: number;
  readonly #bytesByHolder = new Map<ByteHolder, number>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** What `holder` holds now; 0 when it has ended. */
  hold(holder: ByteHolder, bytes: number): void {
    this.#set(holder, bytes);
    while (this.#bytes > this.#bytesMax) {
      const largest = this.#largest();
      this.#set(largest, 0);
      largest.overrun();
    }
  }

  #set(holder: ByteHolder, bytes: number): void {
    this.#bytes += bytes - (this.#bytesByHolder.get(holder) ?? 0);
    if (bytes === 0) this.#bytesByHolder.delete(holder);
    else this.#bytesByHolder.set(holder, bytes);
  }

  /** Assumes that somebody holds something. */
  #largest(): ByteHolder {
    const [first, ...others] = this.#bytesByHolder;
    return others.reduce((a, b) => (b[1] > a[1] ? b : a), first!)[0];
  }
}
