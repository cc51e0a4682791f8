/**
 * Links with frames that wait for the loop: taken frame by frame in turn, so that who sends little does not wait behind
 * all that another link has sent.
 */
export interface ReceivingLink {
  /** Takes one frame; true when no other waits. */
  takeFrame(): boolean;
}

export class ReceivingLinks<Link extends ReceivingLink> {
  readonly #links = new Set<Link>();

  get size(): number {
    return this.#links.size;
  }

  add(link: Link): void {
    this.#links.add(link);
  }

  drop(link: Link): void {
    this.#links.delete(link);
  }

  /** While `more()` allows: a frame of each link, then the next of each. `guard` runs what must not stop the others. */
  take(more: () => boolean, guard: (job: () => void) => void): void {
    // Who has more goes to the end of the set, which is walked on.
    for (const link of this.#links) {
      if (!more()) return;
      this.#links.delete(link);
      guard(() => {
        if (!link.takeFrame()) this.#links.add(link);
      });
    }
  }
}
