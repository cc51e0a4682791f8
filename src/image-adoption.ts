/**
 * Takes an image as the database of an open, empty replica: fetched beside it, checked, made a replica with a site id
 * of its own, and then put in its place in one step. Until that step the database stays as it was; after it the whole
 * image is there. Wiring only: the doors bring the places where things lie.
 */
import { codedError, isReplicationError, ReplicationError } from './core/errors.ts';
import type { Limits } from './core/limits.ts';
import type { Runtime } from './core/runtime.ts';
import type { ImageTaker, TakeOptions } from './replica/first-sync.ts';
import type { ReplicaPort } from './replica/replica-port.ts';
import type { Driver } from './sqlite/database.ts';
import { checkImage, imageRefused } from './store/image-check.ts';
import type { Store } from './store/store.ts';
import { openStore } from './store/store.ts';
import { downloadImage } from './transport/image-download.ts';
import type { ImageFile } from './transport/image-file.ts';
import type { ImageOffer } from './wire/message.ts';

/** Three files beside each other: the database, what was fetched of an image, and the draft that is made of it. */
export interface ImagePlaces {
  /** The draft, as the driver names it. */
  readonly draft: string;
  openFetched(): Promise<ImageFile>;
  /** Makes the draft of what was fetched. Errors  IMAGE_REFUSED for what is no image, or one above `bytesMax`. */
  inflate(bytesMax: number): Promise<void>;
  /** The closed draft is one plain file: no journal beside it holds a part of it, as on a full disk. */
  isDraftWhole(): boolean;
  /** Puts the draft in the place of the closed database: whole or not at all, whenever the process ends. */
  swap(): void;
  removeFetched(): void;
  removeDraft(): void;
}

export interface AdoptionParts {
  readonly store: Store;
  readonly replica: ReplicaPort;
  readonly driver: Driver;
  readonly places: ImagePlaces;
  readonly limits: Limits;
  readonly runtime: Runtime;
}

export interface ImageAddress {
  /** The database's. */
  readonly url: string;
  readonly token: () => Promise<string | undefined>;
}

/** One a database; its links have a taker each, of which one at a time is at work. */
export class ImageAdoption {
  readonly #parts: AdoptionParts;
  #worker: ImageTaker | undefined;
  #leftOver = true;

  constructor(parts: AdoptionParts) {
    this.#parts = parts;
  }

  /** Errors of take(): IMAGE_REFUSED for an image that is not what it should be; those of the download and the disk. */
  takerFor(address: ImageAddress): ImageTaker {
    const taker: ImageTaker = {
      wants: () => this.#wants(taker),
      take: async (offer, options) => {
        this.#worker = taker;
        try {
          await this.#take(address, offer, options);
        } finally {
          this.#worker = undefined;
        }
      },
    };
    return taker;
  }

  #wants(taker: ImageTaker): boolean {
    if (this.#worker !== undefined && this.#worker !== taker) return false;
    const { store, places } = this.#parts;
    if (store.isPristine) return true;
    // Of an attempt that was given up, or that ended with the process.
    if (this.#leftOver) removeDrafts(places);
    this.#leftOver = false;
    return false;
  }

  async #take(address: ImageAddress, offer: ImageOffer, options: TakeOptions): Promise<void> {
    const { places } = this.#parts;
    try {
      await fetchAndAdopt(this.#parts, address, options, offer);
      removeDrafts(places);
    } catch (error) {
      places.removeDraft();
      if (!isReplicationError(error, 'LINK_LOST') && !isReplicationError(error, 'UNAVAILABLE')) places.removeFetched();
      throw error;
    }
  }
}

async function fetchAndAdopt(
  parts: AdoptionParts,
  { url, token }: ImageAddress,
  { signal, onProgress }: TakeOptions,
  offer: ImageOffer,
): Promise<void> {
  const { limits, replica, places } = parts;
  const given = await token();
  const file = await places.openFetched();
  try {
    const access = { url, ...(given === undefined ? {} : { token: given }) };
    await downloadImage({ ...access, file, limits, signal, onProgress });
  } finally {
    await file.close();
  }
  places.removeDraft();
  await places.inflate(limits.imageBytesMax);
  if (signal.aborted) throw new ReplicationError('LINK_LOST', 'the link was ended while an image was fetched');
  prepare(parts, offer);
  await replica.adopt(() => places.swap());
}

/** Makes a replica of the image: a site id and an era of its own, and this database's own schema text. */
function prepare({ store, driver, places, limits, runtime }: AdoptionParts, offer: ImageOffer): void {
  const path = places.draft;
  try {
    const connection = driver.open(path, { mustExist: true });
    try {
      checkImage(connection, store.connection);
    } finally {
      connection.close();
    }
    const { text, hash } = store.schema;
    const randomBytes = (length: number): Uint8Array => runtime.randomBytes(length);
    const adopted = openStore({ driver, path, randomBytes, limits, schema: text });
    try {
      if (adopted.schema.hash !== hash) throw imageRefused('it has another schema');
      if (adopted.storedMax < offer.at) throw imageRefused('it is older than was offered');
    } finally {
      adopted.close();
    }
    if (!places.isDraftWhole()) throw imageRefused('there is no room for it as a database');
  } catch (error) {
    const coded = codedError(error);
    throw coded.code === 'IMAGE_REFUSED' ? coded : imageRefused(coded.message, coded);
  }
}

function removeDrafts(places: ImagePlaces): void {
  places.removeFetched();
  places.removeDraft();
}

/** Errors of inflate() that every place has. */
export const NOT_INFLATABLE = 'it cannot be inflated';
export const TOO_LARGE_INFLATED = 'it is above the limit imageBytesMax when inflated';
