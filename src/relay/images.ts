/**
 * Images of open databases: made when they are asked for, kept while they are nearly current.
 *
 * An image of a while ago is as good as a new one, since its adopter takes the changes since then by rows; it is made
 * again when these are many. The bytes kept are bounded; what was used longest ago goes first.
 */
import { ReplicationError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { ReplicaPort } from '../replica/replica-port.ts';
import { KeyedQueue } from './keyed-queue.ts';
import type { DatabaseImage, Storage } from './storage.ts';

export interface ImagesOptions {
  readonly storage: Pick<Storage, 'makeImage'>;
  readonly limits: Pick<Limits, 'imageChangesMin' | 'imageRatioMax' | 'imagesBytesMax'>;
}

/** An image is made again when more than this share of its changes has come since. */
const STALE_SHARE = 0.1;

export class Images {
  readonly #options: ImagesOptions;
  readonly #queue = new KeyedQueue();
  /** dbid -> image, the least recently used first. */
  readonly #images = new Map<string, DatabaseImage>();

  constructor(options: ImagesOptions) {
    this.#options = options;
  }

  /** Bytes of all images. */
  get bytes(): number {
    return [...this.#images.values()].reduce((sum, image) => sum + image.bytes, 0);
  }

  /** Errors  NO_ROUTE where this relay makes no images; TOO_LARGE; those of the disk. */
  imageOf(replica: ReplicaPort): Promise<DatabaseImage> {
    return this.#queue.run(replica.dbid, async () => {
      const known = this.#images.get(replica.dbid);
      const image = known !== undefined && this.#isCurrent(known, replica) ? known : await this.#make(replica);
      this.#images.delete(replica.dbid);
      this.#images.set(replica.dbid, image);
      return image;
    });
  }

  /** The image, where a first sync by it is faster and no more bytes than reasonable; undefined: go by rows. */
  async worthwhileImageOf(replica: ReplicaPort): Promise<DatabaseImage | undefined> {
    const { storage, limits } = this.#options;
    if (storage.makeImage === undefined) return undefined;
    const { changes, rowBytes } = await replica.run(() => {
      const count = replica.store.countChanges();
      return { changes: count, rowBytes: count < limits.imageChangesMin ? 0 : replica.store.estimateRowBytes() };
    });
    if (changes < limits.imageChangesMin) return undefined;
    const image = await this.imageOf(replica);
    return image.bytes <= limits.imageRatioMax * rowBytes ? image : undefined;
  }

  /** The database was closed. */
  drop(dbid: string): void {
    this.#images.get(dbid)?.remove();
    this.#images.delete(dbid);
  }

  #isCurrent({ site, schemaHash, changes, cursor }: DatabaseImage, { store }: ReplicaPort): boolean {
    if (store.identity.site !== site || store.schema.hash !== schemaHash) return false;
    return store.countChanges(cursor.at) <= Math.min(changes * STALE_SHARE, this.#options.limits.imageChangesMin);
  }

  async #make(replica: ReplicaPort): Promise<DatabaseImage> {
    const { storage, limits } = this.#options;
    if (storage.makeImage === undefined) throw new ReplicationError('NO_ROUTE', 'this relay makes no images');
    const image = await storage.makeImage(replica);
    this.drop(replica.dbid);
    if (image.bytes > limits.imagesBytesMax) {
      image.remove();
      throw new ReplicationError('TOO_LARGE', 'the image of this database is above the limit imagesBytesMax');
    }
    for (const [dbid, { bytes }] of this.#images) {
      if (this.bytes + image.bytes > limits.imagesBytesMax && bytes > 0) this.drop(dbid);
    }
    return image;
  }
}
