/**
 * The bytes that all links of a relay hold: frames that wait for the loop, messages whose last chunk is missing or that
 * wait for their merge, and what was sent and not yet taken by the connection. Each link is bounded by itself; together they are bounded here.
 *
 * Why  A slow reader costs a cursor: from half of the bound on, links are sent one after the other what they have room
 *      for. Beyond the bound the link that holds most of all ends, whoever asked last: who holds little is served while
 *      others fill the memory, and a slow reader that is ended so comes back with its cursor.
 */
export interface ByteHolder {
  /** Now; it may have become less without a word. */
  readonly heldBytes: number;
  /** Lets go of everything at once. */
  overrun(): void;
}

export class LinkBudget {
  readonly #bytesMax: number;
  readonly #bytesByHolder = new Map<ByteHolder, number>();
  readonly #links = new Set<ByteHolder>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** How many links there are. */
  get links(): number {
    return this.#links.size;
  }

  join(link: ByteHolder): void {
    this.#links.add(link);
  }

  leave(link: ByteHolder): void {
    this.#links.delete(link);
  }

  /** More than half of the bound is held, as far as is known: see recount(). */
  get isTight(): boolean {
    return this.#bytes > this.#bytesMax / 2;
  }

  /** What was taken from holders without a word makes room again. Cost  O(holders), and nothing while there is room. */
  recount(): void {
    if (this.isTight) for (const holder of [...this.#bytesByHolder.keys()]) this.#set(holder, holder.heldBytes);
  }

  /** What `holder` holds has changed; returns how much that is now. */
  note(holder: ByteHolder): number {
    const bytes = holder.heldBytes;
    this.#set(holder, bytes);
    if (this.#bytes > this.#bytesMax) this.#cut();
    return bytes;
  }

  #cut(): void {
    this.recount();
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
