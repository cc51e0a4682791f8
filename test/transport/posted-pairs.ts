/** Connected pairs of the transports that post messages; they run in Node and in a browser alike. */
import type { Limits } from '../../src/core/limits.ts';
import type { FramePort } from '../../src/transport/frame-port.ts';
import type { GatheringListener, GatheringOptions } from '../../src/transport/gathering.ts';
import { Gathering } from '../../src/transport/gathering.ts';
import { framePortOver } from '../../src/transport/message-port.ts';
import type { PortPair } from '../contract/frame-port.contract.ts';
import { VirtualClock } from '../simulation/clock.ts';

/** Two channels and somebody in between, who can go away: then both ends are orphans. */
export async function messagePortPair(limits: Limits): Promise<PortPair> {
  const [left, right] = [new MessageChannel(), new MessageChannel()];
  pass(left.port2, right.port1);
  pass(right.port1, left.port2);
  const { clock, runtime } = machine();
  const cut = (): void => {
    left.port2.close();
    right.port1.close();
    clock.runFor(limits.silenceMs + 2 * limits.beatMs);
  };
  const options = { runtime, limits };
  const [client, server] = [framePortOver(left.port1, options), framePortOver(right.port2, options)];
  return { client, server, cut, dispose: async () => cut() };
}

function pass(from: MessagePort, to: MessagePort): void {
  from.addEventListener('message', ({ data }) => to.postMessage(data));
  from.start();
}

/** A clock that stands still until the connection is cut. */
function machine(): { clock: VirtualClock; runtime: GatheringOptions['runtime'] } {
  const clock = new VirtualClock();
  const runtime = {
    now: () => clock.now,
    setTimer: (ms: number, callback: () => void) => clock.after(ms, callback),
    randomBytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)),
  };
  return { clock, runtime };
}

/** Two members of one gathering. */
export async function broadcastPair(limits: Limits): Promise<PortPair> {
  const name = `pair ${crypto.randomUUID()}`;
  const { clock, runtime } = machine();
  const channels = [new BroadcastChannel(name), new BroadcastChannel(name)] as const;
  const member = (channel: BroadcastChannel, listener: Partial<GatheringListener>): Gathering =>
    new Gathering(
      { channel, runtime, limits },
      { onMember: () => undefined, onGone: () => undefined, onPort: () => undefined, ...listener },
    );
  let dialled: FramePort | undefined;
  const accepted = new Promise<FramePort>((resolve) => {
    const caller = member(channels[0], {
      onMember: (other) => {
        dialled = caller.dial(other);
      },
    });
    member(channels[1], { onPort: resolve });
  });
  const server = await accepted;
  const cut = (): void => {
    for (const channel of channels) channel.close();
    clock.runFor(limits.silenceMs + 2 * limits.beatMs);
  };
  return { client: dialled!, server, cut, dispose: async () => cut() };
}
