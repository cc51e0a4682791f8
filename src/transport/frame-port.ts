/**
 * The frame port: binary frames both ways over one connection, in order, until it closes. Knows no messages.
 *
 * Every transport implements it and passes test/contract/frame-port.contract.ts. Frames that arrive before
 * listen() are kept (bounded) and delivered then; callbacks never run inside send(), close() or listen().
 */
export interface FramePortListener {
  onFrame(frame: Uint8Array): void;
  /** bufferedBytes fell to nothing after it was above a quarter of limits.bufferedBytesMax. */
  onDrain(): void;
  /** Once, last. `code` is a WebSocket close code (transports without one map theirs). */
  onClose(code: number, reason: string): void;
}

export interface FramePort {
  /** Says what the other end is, for logs: 'websocket 127.0.0.1:1234'. */
  readonly description: string;
  /** True where every frame arrives once and in order as long as the port is open; absent where that is not known. */
  readonly lossless?: boolean;
  /** Bytes given to send() that have not left this process. */
  readonly bufferedBytes: number;
  listen(listener: FramePortListener): void;
  /**
   * A frame sent after the close is dropped: the listener hears onClose. Its bytes stay as they are: the same frame may go
   * to other ports too.
   */
  send(frame: Uint8Array): void;
  /**
   * Sends what is buffered, then closes; only onClose is called after it. Idempotent, but that CLOSE_LOST also cuts a
   * connection that is still sending what is buffered.
   */
  close(code: number, reason: string): void;
}

/** Opens a connection; rejects with a ReplicationError (UNAVAILABLE, UNAUTHORIZED, FORBIDDEN, NO_DATABASE ...). */
export type Dial = () => Promise<FramePort>;
