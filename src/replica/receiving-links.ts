/**
 * Links with frames that wait for the loop: each has a share in turn, so that who sends little does not wait behind all
 * that another link has sent.
 *
 * Why     Shares are counted in changes, as turns are. With a frame each, a link that sends small frames fast falls
 *         ever further behind one that sends large ones: a turn would take one of each.
 */
export interface ReceivingLink {
  /** Takes one frame; true when no other waits. */
  takeFrame(): boolean;
}

/** A link that has brought so many changes lets the next one go on. */
const SHARE_CHANGES = 500;
/** Frames may bring nothing: so many are a share as well. */
const SHARE_FRAMES = 100;

export interface Taking<Link> {
  /** The loop wants more of this link. */
  readonly more: (link: Link) => boolean;
  /** Changes that all links have brought and that wait. */
  readonly changes: () => number;
  /** Runs what must not stop the others. */
  readonly guard: (job: () => void) => void;
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

  /** While more is wanted: a share of each link, then the next of each. */
  take(taking: Taking<Link>): void {
    // Who has more goes to the end of the set, which is walked on; who may not yet keeps its place.
    for (const link of this.#links) {
      if (!taking.more(link)) continue;
      this.#links.delete(link);
      taking.guard(() => {
        if (!takeShare(link, taking)) this.#links.add(link);
      });
    }
  }
}

/** True when no other frame waits. */
function takeShare<Link extends ReceivingLink>(link: Link, { more, changes }: Taking<Link>): boolean {
  const before = changes();
  for (let frames = 1; !link.takeFrame(); frames++) {
    if (frames === SHARE_FRAMES || changes() - before >= SHARE_CHANGES || !more(link)) return false;
  }
  return true;
}
