/** The first frame of a connection, and the machine parts that the doors share. */
import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS as limits } from '../../src/core/limits.ts';
import { takeFirstFrame } from '../../src/transport/first-frame.ts';
import { memoryPortPair } from '../../src/transport/memory-port.ts';
import { nodeCompression } from '../../src/transport/node-compression.ts';
import { nodeRuntime } from '../../src/transport/node-runtime.ts';
import { hear } from '../contract/frame-port.contract.ts';

const handClock = (): { setTimer: (ms: number, callback: () => void) => () => void; ring: () => void } => {
  let timers: (() => void)[] = [];
  return {
    setTimer(_ms, callback) {
      timers.push(callback);
      return () => {
        timers = timers.filter((timer) => timer !== callback);
      };
    },
    ring: () => timers.forEach((timer) => timer()),
  };
};

describe('first frame', () => {
  test('is read once, and the rest of the connection begins with the second', async () => {
    const [client, server] = memoryPortPair().ports;
    const clock = handClock();
    for (let i = 1; i <= 3; i++) client.send(new Uint8Array([i]));
    const { frame, rest } = await takeFirstFrame(server, { runtime: clock, limits, timeoutMs: 1 });
    expect([...frame]).toEqual([1]);
    const heard = hear(rest);
    clock.ring();
    client.send(new Uint8Array([4]));
    await heard.until(3);
    expect(heard.frames.map((f) => f[0])).toEqual([2, 3, 4]);
    const atClient = hear(client);
    rest.send(new Uint8Array([9]));
    rest.close(4000, 'enough');
    await atClient.closed;
    expect(atClient.frames).toHaveLength(1);
    expect(atClient.closes).toEqual([{ code: 4000, reason: 'enough' }]);
  });

  test('that does not come is HANDSHAKE_TIMEOUT', async () => {
    const [, server] = memoryPortPair().ports;
    const clock = handClock();
    const first = takeFirstFrame(server, { runtime: clock, limits, timeoutMs: 1 });
    clock.ring();
    await expect(first).rejects.toMatchObject({ code: 'HANDSHAKE_TIMEOUT' });
  });

  test('of a connection that ends before is LINK_LOST', async () => {
    const [client, server] = memoryPortPair().ports;
    const first = takeFirstFrame(server, { runtime: handClock(), limits, timeoutMs: 1 });
    client.close(1000, '');
    await expect(first).rejects.toMatchObject({ code: 'LINK_LOST' });
  });
});

describe('compression of Node', () => {
  const compression = nodeCompression({ level: 1 });
  const text = new TextEncoder().encode('crmesh '.repeat(1000));

  test('gives back what went in', () => {
    const small = compression.deflateRaw(text);
    expect(small.length).toBeLessThan(text.length / 10);
    expect(Buffer.compare(compression.inflateRaw(small, text.length), text)).toBe(0);
  });

  test('never inflates more than it may: TOO_LARGE', () => {
    const bomb = compression.deflateRaw(new Uint8Array(10_000_000));
    expect(() => compression.inflateRaw(bomb, 1000)).toThrow(expect.objectContaining({ code: 'TOO_LARGE' }));
  });

  test('refuses what is no deflate stream or is cut short: FRAME_MALFORMED', () => {
    const small = compression.deflateRaw(text);
    for (const bytes of [new Uint8Array([255, 1, 2]), small.subarray(0, small.length - 3), new Uint8Array(0)]) {
      expect(() => compression.inflateRaw(bytes, 1 << 20)).toThrow(
        expect.objectContaining({ code: 'FRAME_MALFORMED' }),
      );
    }
  });
});

describe('runtime of Node', () => {
  test('timers ring once and can be stopped, deferred calls come later, random bytes have their length', async () => {
    const runtime = nodeRuntime();
    let rung = 0;
    runtime.setTimer(0, () => rung++)();
    await new Promise<void>((resolve) => void runtime.setTimer(1, resolve));
    let deferred = false;
    const later = new Promise<void>((resolve) => {
      runtime.defer(() => {
        deferred = true;
        resolve();
      });
    });
    expect(deferred).toBe(false);
    await later;
    expect(rung).toBe(0);
    expect(runtime.randomBytes(7).constructor).toBe(Uint8Array);
    expect(runtime.randomBytes(7)).toHaveLength(7);
    expect(runtime.now()).toBeGreaterThan(0);
  });
});
