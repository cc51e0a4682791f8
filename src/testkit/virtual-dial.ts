/**
 * Dialling in a cluster: ws://RELAY/DATABASE goes over the virtual network to the relay of that name, through the same
 * door as a real upgrade (authorize function, subprotocol, limits).
 */
import { ReplicationError } from '../core/errors.ts';
import type { Dialling } from '../node-database.ts';
import type { FramePort } from '../transport/frame-port.ts';
import { SUBPROTOCOL, tokenHeaders } from '../transport/subprotocol.ts';
import type { WebSocketDialOptions } from '../transport/websocket-dial.ts';
import type { ClusterRelay } from './cluster-relay.ts';
import { LOOPBACK } from './cluster-relay.ts';
import type { Boot, Surroundings } from './machine.ts';
import type { Pulse } from './pulse.ts';

export interface DialPlaces {
  readonly world: Surroundings;
  readonly relayOf: (host: string) => ClusterRelay | undefined;
}

export function virtualDialling(machine: string, { owner, runtime }: Boot, places: DialPlaces): Dialling {
  const { pulse } = places.world;
  return {
    runtime,
    dial: (options) => async () => {
      const outcome = await pulse.during(() => connect(machine, options, places)).catch(asError);
      // A process that is gone hears nothing any more, not even this.
      if (!owner.alive) return new Promise<FramePort>(() => undefined);
      if (outcome instanceof Error) throw outcome;
      return outcome;
    },
  };
}

/** Errors  UNAVAILABLE when nobody is there or the network is parted; what the relay's door says. */
async function connect(machine: string, options: WebSocketDialOptions, places: DialPlaces): Promise<FramePort> {
  const { network, limits, pulse } = places.world;
  const { hostname, pathname } = new URL(options.url);
  const to = places.relayOf(hostname);
  const isReachable =
    to?.isRunning === true && !network.isBlocked(machine, to.name) && !network.isBlocked(to.name, machine);
  if (!isReachable) throw unreachable(hostname);
  const headers = { ...tokenHeaders(options.token), 'sec-websocket-protocol': SUBPROTOCOL };
  const { relay } = to;
  const admission = await relay.admit(new Request(`http://${hostname}${pathname}`, { headers }), { address: LOOPBACK });
  if (!to.isRunning || to.relay !== relay) throw unreachable(hostname);
  const { ports } = network.connect(machine, to.name, limits.bufferedBytesMax / 4);
  admission.accept(serverPort(ports[1], pulse, admission.leave));
  return ports[0];
}

/** Tells the pulse when the relay has a hello to decide, and the relay when the connection is gone. */
function serverPort(port: FramePort, pulse: Pulse, leave: () => void): FramePort {
  let isFirst = true;
  return {
    description: port.description,
    get bufferedBytes() {
      return port.bufferedBytes;
    },
    listen: (listener) =>
      port.listen({
        onFrame: (frame) => {
          if (isFirst) pulse.begin();
          isFirst = false;
          listener.onFrame(frame);
        },
        onDrain: () => listener.onDrain(),
        onClose: (code, reason) => {
          leave();
          listener.onClose(code, reason);
        },
      }),
    send: (frame) => port.send(frame),
    close: (code, reason) => port.close(code, reason),
  };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new ReplicationError('INVARIANT', String(error));
}

function unreachable(host: string): ReplicationError {
  return new ReplicationError('UNAVAILABLE', `nothing answers at ${host}: it is off, parted from here, or no relay`);
}
