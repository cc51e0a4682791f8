/** Messages over a frame port: encoding, chunks, and the counters of a link's traffic. */
import type { Limits } from '../core/limits.ts';
import type { FramePort } from '../transport/frame-port.ts';
import { ChunkAssembler, cutIntoChunks } from '../wire/chunks.ts';
import type { Codec, LinkCodec } from '../wire/codec-port.ts';
import type { Message } from '../wire/message.ts';
import { isDataMessage } from '../wire/message.ts';
import type { PartBlob } from '../wire/part-blob.ts';
import type { EchoWatch } from './echo-watch.ts';
import type { Traffic } from './replica-port.ts';

export class LinkWire {
  readonly #port: FramePort;
  /** A peer may number ids through the link wherever its port lets it; we do where ours does. */
  readonly #decoder: LinkCodec;
  readonly #encoder: LinkCodec;
  readonly #limits: Limits;
  readonly #echo: EchoWatch;
  readonly #chunks: ChunkAssembler;
  #transfers = 0;
  /** Bytes of answers that were sent while the transport held too much: credit does not bound those. */
  #pressedBytes = 0;
  #bytesSent = 0;
  #framesSent = 0;
  #changesSent = 0;
  #received = { bytesReceived: 0, framesReceived: 0, changesReceived: 0 };

  constructor(port: FramePort, codec: Codec, limits: Limits, echo: EchoWatch) {
    this.#port = port;
    this.#decoder = codec.forLink();
    this.#encoder = port.lossless === true ? this.#decoder : codec;
    this.#limits = limits;
    this.#echo = echo;
    this.#chunks = new ChunkAssembler(limits.messageBytesMax);
  }

  get traffic(): Traffic {
    return {
      bytesSent: this.#bytesSent,
      framesSent: this.#framesSent,
      changesSent: this.#changesSent,
      ...this.#received,
      changesEchoed: this.#echo.changesEchoed,
    };
  }

  /** Sent and not yet taken by the connection. */
  get unsentBytes(): number {
    return this.#port.bufferedBytes;
  }

  get blocked(): boolean {
    return this.isBlockedAt(this.unsentBytes);
  }

  isBlockedAt(unsentBytes: number): boolean {
    return unsentBytes > this.#limits.bufferedBytesMax;
  }

  /** The peer goes on asking and does not read the answers. */
  get overfull(): boolean {
    return this.#pressedBytes > this.#limits.unreadAnswerBytesMax;
  }

  /** Of a message whose last chunk is missing, and what was sent and not yet taken. */
  get heldBytes(): number {
    return this.#chunks.heldBytes + this.unsentBytes;
  }

  drop(): void {
    this.#chunks.drop();
  }

  /** Encodes and sends; returns the bytes of the message (before it was cut). `live`: not part of a refill. */
  send(message: Message, live: boolean): number {
    for (const blob of blobsOf(message)) {
      this.#changesSent += blob.body.rows.length;
      if (live && message.type === 'window') this.#echo.noteSentLive(blob);
    }
    const bytes = this.#encoder.encode(message);
    if (!isDataMessage(message)) this.#pressedBytes = this.blocked ? this.#pressedBytes + bytes.length : 0;
    if (bytes.length <= this.#limits.frameBytesMax) this.#sendFrame(bytes);
    else {
      this.#transfers += 1;
      for (const chunk of cutIntoChunks(bytes, this.#transfers, this.#limits.frameBytesMax)) {
        this.#sendFrame(this.#encoder.encode(chunk));
      }
    }
    return bytes.length;
  }

  /**
   * The message that a frame completes, with its bytes; undefined while chunks are missing.
   *
   * Errors  what the codec and the assembler throw: the frame is the peer's fault and ends the session.
   */
  receive(frame: Uint8Array): { readonly message: Message; readonly bytes: number } | undefined {
    this.#received.framesReceived += 1;
    this.#received.bytesReceived += frame.length;
    let message = this.#decoder.decode(frame);
    let bytes = frame.length;
    if (message.type === 'chunk') {
      const whole = this.#chunks.add(message);
      if (whole === undefined) return undefined;
      message = this.#decoder.decode(whole);
      bytes = whole.length;
    }
    for (const blob of blobsOf(message)) {
      this.#received.changesReceived += blob.body.rows.length;
      this.#echo.noteReceived(blob);
    }
    return { message, bytes };
  }

  #sendFrame(frame: Uint8Array): void {
    this.#framesSent += 1;
    this.#bytesSent += frame.length;
    this.#port.send(frame);
  }
}

function blobsOf(message: Message): readonly PartBlob[] {
  if (!isDataMessage(message)) return [];
  return message.type === 'window' ? message.parts : [message.blob];
}
