/** Reads of the store that wait for the loop: one a link and turn, so that a link that is far behind delays nobody. */
export class ReadQueue<Link> {
  readonly #waitingMax: number;
  readonly #jobsByLink = new Map<Link, (() => void)[]>();

  constructor(waitingMax: number) {
    this.#waitingMax = waitingMax;
  }

  /** Links that wait. */
  get length(): number {
    return this.#jobsByLink.size;
  }

  /** False when too many reads of the link wait already. */
  add(link: Link, job: () => void): boolean {
    const jobs = this.#jobsByLink.get(link) ?? [];
    if (jobs.length >= this.#waitingMax) return false;
    jobs.push(job);
    this.#jobsByLink.set(link, jobs);
    return true;
  }

  /** The first read of each link; a link may leave while they run. */
  takeOneEach(run: (link: Link, job: () => void) => void): void {
    for (const [link, jobs] of Array.from(this.#jobsByLink)) {
      if (!this.#jobsByLink.has(link)) continue;
      const job = jobs.shift();
      if (jobs.length === 0) this.#jobsByLink.delete(link);
      if (job !== undefined) run(link, job);
    }
  }

  drop(link: Link): void {
    this.#jobsByLink.delete(link);
  }
}
