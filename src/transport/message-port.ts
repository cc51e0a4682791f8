/**
 * The frame port over a MessagePort: between a page and its workers, a page and its service worker, or the threads of
 * a Node process.
 *
 * Node's ports say when the other end is gone; most browsers' do not, so each end lets the other hear something now and
 * then, and takes it for gone after limits.silenceMs without.
 */
import { ReplicationError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { Runtime } from '../core/runtime.ts';
import { steadyClock } from '../core/steady-clock.ts';
import type { Dial, FramePort } from './frame-port.ts';
import type { PostedLimits } from './posted-port.ts';
import { PostedPort } from './posted-port.ts';

/** What the ports of browsers and of node:worker_threads have in common. */
export interface MessagePortLike {
  // The platforms differ in what they call a transferable.
  postMessage(message: unknown, transfer?: never): void;
  start?(): void;
  close(): void;
}

interface ListeningPort extends Omit<MessagePortLike, 'postMessage'> {
  postMessage(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  addEventListener(type: string, listener: (event: { readonly data?: unknown }) => void): void;
}

/** Gives a fresh port whose other end somebody accepts. */
export type PortSource = () => MessagePortLike | Promise<MessagePortLike>;

export interface MessagePortOptions {
  readonly runtime: Pick<Runtime, 'now' | 'setTimer'>;
  readonly limits: PostedLimits & Pick<Limits, 'beatMs' | 'silenceMs'>;
}

/** Takes the port over. Errors  USAGE for what is no MessagePort. */
export function framePortOver(messages: MessagePortLike, { runtime, limits }: MessagePortOptions): FramePort {
  const raw = messages as ListeningPort;
  if (typeof Object(raw).addEventListener !== 'function' || typeof raw.postMessage !== 'function') {
    throw new ReplicationError('USAGE', 'give one end of a MessageChannel');
  }
  const now = steadyClock(() => runtime.now());
  let heardAt = now();
  let stopTimer = (): void => undefined;
  const port = new PostedPort(
    {
      description: 'message port',
      post: (message, own) => raw.postMessage(message, own === undefined ? [] : [own]),
      release: () => {
        stopTimer();
        raw.close();
      },
    },
    limits,
  );
  const beat = (): void => {
    if (now() - heardAt > limits.silenceMs) return port.lost('nothing was heard of the other end');
    port.beat();
    stopTimer = runtime.setTimer(limits.beatMs, beat);
  };
  raw.addEventListener('message', ({ data }) => {
    heardAt = now();
    port.receive(data);
  });
  raw.addEventListener('messageerror', () => port.close(4400, 'FRAME_MALFORMED'));
  raw.addEventListener('close', () => port.lost('the other end is gone'));
  raw.start?.();
  stopTimer = runtime.setTimer(limits.beatMs, beat);
  return port;
}

/** Errors  of the Dial: what `source` throws, as it is. */
export function dialMessagePort(source: PortSource, options: MessagePortOptions): Dial {
  return async () => framePortOver(await source(), options);
}
