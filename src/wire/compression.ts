/** The compression port: the doors fill it (zlib on Node); both functions are synchronous. */
export interface Compression {
  deflateRaw(bytes: Uint8Array): Uint8Array;
  /** Errors  TOO_LARGE when the result would be larger than `bytesMax`: never inflates a bomb; FRAME_MALFORMED. */
  inflateRaw(bytes: Uint8Array, bytesMax: number): Uint8Array;
}
