/** The laws of a frame port (src/transport/frame-port.ts), for every transport. */
import { afterEach, describe, expect, test } from 'vitest';
import type { Limits } from '../../src/core/limits.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { FramePort } from '../../src/transport/frame-port.ts';

export interface PortPair {
  readonly client: FramePort;
  readonly server: FramePort;
  /** Loses the connection without a word. */
  readonly cut: () => void;
  readonly dispose: () => Promise<void>;
}

export type OpenPair = (limits: Limits) => Promise<PortPair>;

/** What a listener heard, in order. */
export interface Heard {
  readonly frames: Uint8Array[];
  readonly closes: { readonly code: number; readonly reason: string }[];
  drains: number;
  readonly closed: Promise<void>;
  until(frames: number): Promise<void>;
}

export function hear(port: FramePort): Heard {
  let wake = (): void => undefined;
  let closedNow = (): void => undefined;
  const heard: Heard = {
    frames: [],
    closes: [],
    drains: 0,
    closed: new Promise((resolve) => {
      closedNow = resolve;
    }),
    async until(count) {
      while (heard.frames.length < count) await new Promise<void>((resolve) => (wake = resolve));
    },
  };
  port.listen({
    onFrame(frame) {
      heard.frames.push(frame);
      wake();
    },
    onDrain() {
      heard.drains++;
      wake();
    },
    onClose(code, reason) {
      heard.closes.push({ code, reason });
      closedNow();
    },
  });
  return heard;
}

const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);

export function framePortContract(name: string, open: OpenPair): void {
  describe(`frame port: ${name}`, () => {
    let pair: PortPair | undefined;
    const start = async (limits: Partial<Limits> = {}): Promise<PortPair> => {
      pair = await open({ ...DEFAULT_LIMITS, ...limits });
      return pair;
    };
    afterEach(async () => {
      await pair?.dispose();
      pair = undefined;
    });

    test('carries frames both ways, whole and in order', async () => {
      const { client, server } = await start();
      const [atClient, atServer] = [hear(client), hear(server)];
      for (let i = 0; i < 200; i++) client.send(bytes(i, i));
      for (let i = 0; i < 50; i++) server.send(bytes(i * 3, i));
      await Promise.all([atServer.until(200), atClient.until(50)]);
      expect(atServer.frames.map((f) => [f.length, f[0] ?? 0])).toEqual(Array.from({ length: 200 }, (_, i) => [i, i]));
      expect(atClient.frames.map((f) => [f.length, f.at(-1) ?? 0])).toEqual(
        Array.from({ length: 50 }, (_, i) => [i * 3, i]),
      );
    });

    test('carries a frame of the largest size', async () => {
      const { client, server } = await start();
      const [atClient, atServer] = [hear(client), hear(server)];
      const frame = bytes(DEFAULT_LIMITS.frameBytesMax, 7);
      frame[frame.length - 1] = 9;
      client.send(frame);
      server.send(frame);
      await Promise.all([atServer.until(1), atClient.until(1)]);
      for (const [got] of [atServer.frames, atClient.frames]) {
        expect(got!.length).toBe(frame.length);
        expect(got!.every((byte, i) => byte === frame[i])).toBe(true);
      }
    });

    test('gives plain byte arrays, whatever the transport reads', async () => {
      const { client, server } = await start();
      const [atClient, atServer] = [hear(client), hear(server)];
      client.send(bytes(3, 1));
      server.send(bytes(3, 2));
      await Promise.all([atServer.until(1), atClient.until(1)]);
      expect([atServer.frames[0]!.constructor, atClient.frames[0]!.constructor]).toEqual([Uint8Array, Uint8Array]);
    });

    test('keeps frames that arrive before somebody listens', async () => {
      const { client, server } = await start();
      const atServer = hear(server);
      for (let i = 0; i < 5; i++) server.send(bytes(4, i));
      client.send(bytes(1, 1));
      await atServer.until(1);
      await new Promise((resolve) => setTimeout(resolve, 20));
      const atClient = hear(client);
      server.send(bytes(4, 5));
      await atClient.until(6);
      expect(atClient.frames.map((f) => f[0])).toEqual([0, 1, 2, 3, 4, 5]);
    });

    test('closes when more arrives before listening than it may keep', async () => {
      const { client, server } = await start({ inboxMessagesMax: 3 });
      const atClient = hear(client);
      for (let i = 0; i < 10; i++) client.send(bytes(4, i));
      await atClient.closed;
      const atServer = hear(server);
      await atServer.closed;
      expect(atServer.frames.length).toBeLessThanOrEqual(3);
      expect(atClient.closes).toHaveLength(1);
    });

    test('calls back never from inside send, close or listen', async () => {
      const { client, server } = await start();
      let inside = false;
      const calls: boolean[] = [];
      const note = (): void => void calls.push(inside);
      const within = (run: () => void): void => {
        inside = true;
        run();
        inside = false;
      };
      const closed = new Promise<void>((resolve) => {
        const listener = { onFrame: note, onDrain: note };
        within(() => client.listen({ ...listener, onClose: () => (note(), resolve()) }));
      });
      const atServer = hear(server);
      within(() => client.send(bytes(10, 1)));
      within(() => server.send(bytes(10, 1)));
      await atServer.until(1);
      within(() => client.close(1000, 'done'));
      await closed;
      expect(calls).not.toContain(true);
    });

    test('sends what is buffered before it closes, and says code and reason once', async () => {
      const { client, server } = await start();
      const [atClient, atServer] = [hear(client), hear(server)];
      for (let i = 0; i < 20; i++) client.send(bytes(50_000, i));
      client.close(4409, 'the reason');
      client.close(1000, 'again');
      client.send(bytes(1, 1));
      await Promise.all([atServer.closed, atClient.closed]);
      expect(atServer.frames).toHaveLength(20);
      expect(atServer.closes).toEqual([{ code: 4409, reason: 'the reason' }]);
      expect(atClient.closes).toHaveLength(1);
    });

    test('tells the client code and reason of the server', async () => {
      const { client, server } = await start();
      const [atClient, atServer] = [hear(client), hear(server)];
      server.send(bytes(9, 9));
      server.close(4401, 'who are you');
      await Promise.all([atServer.closed, atClient.closed]);
      expect(atClient.frames).toHaveLength(1);
      expect(atClient.closes).toEqual([{ code: 4401, reason: 'who are you' }]);
      expect(atServer.closes).toHaveLength(1);
    });

    test('delivers nothing but the close after it was closed', async () => {
      const { client, server } = await start();
      const [atClient, atServer] = [hear(client), hear(server)];
      client.close(1000, '');
      for (let i = 0; i < 10; i++) server.send(bytes(10, i));
      await Promise.all([atServer.closed, atClient.closed]);
      expect(atClient.frames).toEqual([]);
    });

    test('a lost connection is heard as a close on both ends', async () => {
      const { client, server, cut } = await start();
      const [atClient, atServer] = [hear(client), hear(server)];
      client.send(bytes(1, 1));
      await atServer.until(1);
      cut();
      await Promise.all([atServer.closed, atClient.closed]);
      expect(atClient.closes.map(({ code }) => code)).toEqual([1006]);
      expect(atServer.closes.map(({ code }) => code)).toEqual([1006]);
    });

    test('counts what is buffered, and says when it is gone', async () => {
      const { client, server } = await start({ bufferedBytesMax: 1 << 20 });
      const atServer = hear(server);
      const atClient = hear(client);
      // The network takes some by itself, so it is filled until something stays.
      const fill = (port: FramePort): number => {
        let count = 0;
        while (port.bufferedBytes <= 1 << 20 && count < 1000) port.send(bytes(100_000, count++));
        return count;
      };
      const [up, down] = [fill(client), fill(server)];
      expect(client.bufferedBytes).toBeGreaterThan(1 << 20);
      expect(server.bufferedBytes).toBeGreaterThan(1 << 20);
      await Promise.all([atServer.until(up), atClient.until(down)]);
      while (atClient.drains === 0 || atServer.drains === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      expect([client.bufferedBytes, server.bufferedBytes]).toEqual([0, 0]);
    });

    test('says what the other end is', async () => {
      const { client, server } = await start();
      expect(client.description).toMatch(/\w+ /);
      expect(server.description).toMatch(/\w+ /);
    });
  });
}
