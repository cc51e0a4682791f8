/** Where a transfer keeps what it has of an image, over connections and runs of the program. */

/**
 * Says which image its bytes belong to, so that a rest is never added to another one. Assumes one user.
 *
 * Errors  those of the disk.
 */
export interface ImageFile {
  /** Undefined when nothing of an image is there yet. */
  head(): Promise<ImageHead | undefined>;
  /** Empties it for the image whose SHA-256 is `hash`. */
  begin(hash: string): Promise<void>;
  append(piece: Uint8Array): Promise<void>;
  /** SHA-256 of the bytes that are there, in hex. */
  hashOfBytes(): Promise<string>;
  /** Empties it. */
  clear(): Promise<void>;
  /** What is there survives the loss of power. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface ImageHead {
  readonly hash: string;
  readonly receivedBytes: number;
}

/** Where the image's own bytes begin where a file holds both: before them stands the hash. */
export const IMAGE_FILE_HEAD_BYTES = 32;
