/** Jobs that somebody outside waits for: run in the replica's loop, or failed when it ends. */
import type { ReplicationError } from '../core/errors.ts';
import { codedError } from '../core/errors.ts';

export class LoopJobs {
  readonly #post: (job: () => void) => void;
  readonly #waiting = new Set<(error: ReplicationError) => void>();

  constructor(post: (job: () => void) => void) {
    this.#post = post;
  }

  /** Errors  what the job throws, coded. */
  run<T>(job: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      this.#post(() => {
        this.#waiting.delete(reject);
        try {
          resolve(job());
        } catch (error) {
          reject(codedError(error));
        }
      });
    });
  }

  failAll(error: ReplicationError): void {
    for (const reject of this.#waiting) reject(error);
    this.#waiting.clear();
  }
}
