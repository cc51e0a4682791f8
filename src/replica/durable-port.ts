/**
 * A frame port that lets nothing out before everything committed until then is safe.
 *
 * Frames name versions, cursors and acknowledgements. Where a full commit is safe only later (StorePort.whenDurable),
 * a frame waits for that; elsewhere it passes at once. If it cannot be made safe, the connection ends.
 */
import { codedError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { StorePort } from '../store/store-port.ts';
import { CLOSE_LOST } from '../transport/close-code.ts';
import type { FramePort, FramePortListener } from '../transport/frame-port.ts';

export class DurablePort implements FramePort {
  readonly #port: FramePort;
  readonly #store: Pick<StorePort, 'whenDurable'>;
  readonly #pressedBytes: number;
  #listener: FramePortListener | undefined;
  #frames: Uint8Array[] = [];
  #heldBytes = 0;
  #holding = false;
  #pressed = false;
  #closing: { readonly code: number; readonly reason: string } | undefined;

  constructor(port: FramePort, store: Pick<StorePort, 'whenDurable'>, limits: Pick<Limits, 'bufferedBytesMax'>) {
    this.#port = port;
    this.#store = store;
    this.#pressedBytes = limits.bufferedBytesMax / 4;
  }

  get description(): string {
    return this.#port.description;
  }

  get lossless(): boolean {
    return this.#port.lossless === true;
  }

  get bufferedBytes(): number {
    return this.#port.bufferedBytes + this.#heldBytes;
  }

  listen(listener: FramePortListener): void {
    this.#listener = listener;
    this.#port.listen(listener);
  }

  send(frame: Uint8Array): void {
    if (this.#closing !== undefined) return;
    if (!this.#holding && this.#store.whenDurable?.() === undefined) return this.#port.send(frame);
    this.#frames.push(frame);
    this.#heldBytes += frame.length;
    if (this.bufferedBytes > this.#pressedBytes) this.#pressed = true;
    if (!this.#holding) void this.#hold();
  }

  close(code: number, reason: string): void {
    if (this.#closing !== undefined && code !== CLOSE_LOST) return;
    this.#closing ??= { code, reason };
    if (!this.#holding || code === CLOSE_LOST) this.#port.close(code, reason);
  }

  async #hold(): Promise<void> {
    this.#holding = true;
    try {
      while (this.#frames.length > 0) {
        // Frames that come while this waits may name later commits.
        const count = this.#frames.length;
        await this.#store.whenDurable?.();
        this.#letOut(count);
      }
    } catch (error) {
      const { close, code } = codedError(error);
      this.#closing ??= { code: close, reason: code };
      this.#frames = [];
      this.#heldBytes = 0;
    }
    this.#holding = false;
    if (this.#closing !== undefined) return this.#port.close(this.#closing.code, this.#closing.reason);
    if (this.#pressed && this.#port.bufferedBytes === 0) this.#listener?.onDrain();
    this.#pressed = false;
  }

  #letOut(count: number): void {
    for (const frame of this.#frames.splice(0, count)) {
      this.#heldBytes -= frame.length;
      this.#port.send(frame);
    }
  }
}
