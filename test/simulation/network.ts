/**
 * A virtual network: connections of two frame ports, with the faults of a schedule.
 *
 * Two classes of faults, never mixed in one schedule. 'ordered' is a real connection: frames come whole and in order
 * or the connection ends; a partition holds them back. 'lossy' also loses, repeats and reorders single frames inside
 * a connection, which the session claims to survive too.
 */
import type { FramePort, FramePortListener } from '../../src/transport/frame-port.ts';
import type { VirtualClock } from './clock.ts';
import type { Random } from './random.ts';

export interface NetworkConditions {
  readonly kind: 'ordered' | 'lossy';
  readonly latencyMs: number;
  readonly jitterMs: number;
  /** Infinity = nothing is ever buffered. */
  readonly bytesPerMs: number;
  /** Shares of frames; 0 on ordered connections. */
  readonly lost: number;
  readonly repeated: number;
  readonly reordered: number;
  readonly slowWays: readonly SlowWay[];
}

/** One direction between two machines that is worse than the others. */
export interface SlowWay {
  readonly from: string;
  readonly to: string;
  readonly latencyMs: number;
  readonly bytesPerMs: number;
}

/** What a schedule hears of the traffic. */
export interface TrafficObserver {
  /** `bufferedBytes` wait at the sender, before this frame. */
  onSend(from: string, to: string, frame: Uint8Array, bufferedBytes: number): void;
  onLost(from: string, to: string, frame: Uint8Array): void;
}

const CLOSE_LOST = 1006;

export class VirtualNetwork {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly conditions: NetworkConditions;
  readonly observer: TrafficObserver;
  /** False once the schedule is over: what is sent now arrives. */
  faulty = true;
  readonly #blocked = new Set<string>();
  readonly #connections = new Set<Connection>();

  constructor(clock: VirtualClock, random: Random, conditions: NetworkConditions, observer: TrafficObserver) {
    this.clock = clock;
    this.random = random;
    this.conditions = conditions;
    this.observer = observer;
  }

  connect(first: string, second: string, pressedBytes: number): Connection {
    const connection = new Connection(this, [first, second], pressedBytes, () => this.#connections.delete(connection));
    this.#connections.add(connection);
    return connection;
  }

  isBlocked(from: string, to: string): boolean {
    return this.#blocked.has(`${from}>${to}`);
  }

  /** What a frame meets in this direction. */
  wayOf(from: string, to: string): Pick<NetworkConditions, 'latencyMs' | 'bytesPerMs'> {
    return this.conditions.slowWays.find((way) => way.from === from && way.to === to) ?? this.conditions;
  }

  /** One direction; a partition both ways is two calls. */
  block(from: string, to: string): void {
    this.#blocked.add(`${from}>${to}`);
  }

  heal(): void {
    this.#blocked.clear();
    for (const connection of this.#connections) connection.releaseHeld();
  }

  /** The machine is gone: its ends are dead at once, the others hear of it late or never. */
  machineDied(name: string): void {
    for (const connection of this.#connections) connection.endDied(name);
  }
}

/** Two joined ports. */
export class Connection {
  readonly network: VirtualNetwork;
  readonly ports: readonly [VirtualPort, VirtualPort];
  readonly #forget: () => void;

  constructor(network: VirtualNetwork, names: readonly [string, string], pressedBytes: number, forget: () => void) {
    this.network = network;
    this.#forget = forget;
    const [first, second] = names;
    this.ports = [
      new VirtualPort(this, first, second, pressedBytes),
      new VirtualPort(this, second, first, pressedBytes),
    ];
    this.ports[0].join(this.ports[1]);
    this.ports[1].join(this.ports[0]);
  }

  /** Truncates the connection: what is under way is lost, each end hears of it at its own time. */
  cut(): void {
    const { clock, random, conditions } = this.network;
    for (const port of this.ports) {
      port.lose();
      clock.after(random.fraction() * conditions.latencyMs * 4, () => port.end(CLOSE_LOST, 'connection lost'));
    }
    this.#forget();
  }

  endDied(name: string): void {
    const [first, second] = this.ports;
    for (const [here, there] of [[first, second] as const, [second, first] as const]) {
      if (here.name !== name) continue;
      const { clock, random } = this.network;
      here.die(random.chance(0.5));
      // Half of the peers never hear it and must notice the silence.
      if (random.chance(0.5)) clock.after(random.between(1, 2_000), () => there.end(CLOSE_LOST, 'connection reset'));
    }
  }

  releaseHeld(): void {
    for (const port of this.ports) port.releaseHeld();
  }

  ended(): void {
    if (this.ports.every((port) => port.over)) this.#forget();
  }
}

/** A frame with what happens to it on the way. */
type Item = { readonly frame: Uint8Array } | { readonly code: number; readonly reason: string };

export class VirtualPort implements FramePort {
  readonly name: string;
  readonly description: string;
  readonly #peer: string;
  readonly #connection: Connection;
  readonly #pressedBytes: number;
  readonly #way: Pick<NetworkConditions, 'latencyMs' | 'bytesPerMs'>;
  #other: VirtualPort | undefined;
  #listener: FramePortListener | undefined;
  #kept: Item[] = [];
  #held: Item[] = [];
  #bufferedBytes = 0;
  #pressed = false;
  /** This end sends nothing any more, receives nothing any more. */
  #closed = false;
  #ended = false;
  #lost = false;
  #departedAt = 0;
  #arrivedAt = 0;

  constructor(connection: Connection, name: string, peer: string, pressedBytes: number) {
    this.#connection = connection;
    this.name = name;
    this.#peer = peer;
    this.#way = connection.network.wayOf(name, peer);
    this.#pressedBytes = pressedBytes;
    this.description = `virtual ${name}-${peer}`;
  }

  join(other: VirtualPort): void {
    this.#other = other;
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  get over(): boolean {
    return this.#ended || this.#lost;
  }

  listen(listener: FramePortListener): void {
    this.#listener = listener;
    this.#connection.network.clock.after(0, () => {
      for (let item = this.#kept.shift(); item !== undefined; item = this.#kept.shift()) this.#tell(item);
    });
  }

  send(frame: Uint8Array): void {
    if (this.#closed || this.#ended || this.#lost) return;
    const { observer } = this.#connection.network;
    observer.onSend(this.name, this.#peer, frame, this.#bufferedBytes);
    this.#depart({ frame: frame.slice() }, frame);
  }

  close(code: number, reason: string): void {
    if (this.#closed || this.#ended) return;
    this.#closed = true;
    if (this.#lost) return;
    this.#depart({ code, reason }, undefined);
  }

  /** What is under way to and from this end is gone. */
  lose(): void {
    this.#lost = true;
    this.#held = [];
    this.#bufferedBytes = 0;
  }

  /** Nothing is heard or sent here any more; what was sent before may still arrive. */
  die(lostUnderWay: boolean): void {
    if (lostUnderWay) this.lose();
    this.#listener = undefined;
    this.#ended = true;
  }

  end(code: number, reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#connection.ended();
    this.#deliver({ code, reason });
  }

  /** What is held stays first in line until it is let go: a frame in flight at the healing must not overtake it. */
  releaseHeld(): void {
    if (this.#held.length === 0) return;
    const { clock, random, conditions } = this.#connection.network;
    clock.after(random.fraction() * conditions.jitterMs, () => {
      if (this.#connection.network.isBlocked(this.name, this.#peer)) return;
      for (const item of this.#held.splice(0)) this.#arrive(item);
    });
  }

  /** Leaves this end once what was sent before is out, and arrives a latency later. */
  #depart(item: Item, original: Uint8Array | undefined): void {
    const { clock, conditions, faulty } = this.#connection.network;
    const bytes = 'frame' in item ? item.frame.length : 0;
    this.#departedAt = Math.max(this.#departedAt, clock.now) + bytes / this.#way.bytesPerMs;
    if (this.#departedAt > clock.now) this.#buffer(bytes);
    if (!faulty || original === undefined || conditions.kind === 'ordered') return this.#travel(item, false);
    this.#travelLossy(item, original);
  }

  #travelLossy(item: Item, original: Uint8Array): void {
    const { random, conditions, observer } = this.#connection.network;
    if (random.chance(conditions.lost)) return observer.onLost(this.name, this.#peer, original);
    this.#travel(item, random.chance(conditions.reordered));
    if (random.chance(conditions.repeated)) this.#travel(item, true);
  }

  #travel(item: Item, late: boolean): void {
    const { clock, random, conditions } = this.#connection.network;
    const { latencyMs } = this.#way;
    const delay = latencyMs + random.fraction() * conditions.jitterMs;
    const extra = late ? random.fraction() * 20 * (latencyMs + conditions.jitterMs) : 0;
    const arrival = Math.max(this.#departedAt + delay, late ? 0 : this.#arrivedAt) + extra;
    if (!late) this.#arrivedAt = arrival;
    clock.after(arrival - clock.now, () => this.#arrive(item));
  }

  #arrive(item: Item): void {
    const { network } = this.#connection;
    const other = this.#other;
    if (this.#lost || other === undefined || other.#lost || other.#ended) return;
    if (this.#held.length > 0 || network.isBlocked(this.name, this.#peer)) {
      if (network.conditions.kind === 'ordered' || !('frame' in item)) this.#held.push(item);
      else network.observer.onLost(this.name, this.#peer, item.frame);
      return;
    }
    if ('frame' in item) return other.#closed ? undefined : other.#deliver(item);
    other.end(item.code, item.reason);
    this.end(item.code, item.reason);
  }

  #deliver(item: Item): void {
    if (this.#listener === undefined || this.#kept.length > 0) this.#kept.push(item);
    else this.#tell(item);
  }

  #tell(item: Item): void {
    if ('frame' in item) this.#listener?.onFrame(item.frame);
    else this.#listener?.onClose(item.code, item.reason);
  }

  #buffer(bytes: number): void {
    const { clock } = this.#connection.network;
    this.#bufferedBytes += bytes;
    if (this.#bufferedBytes > this.#pressedBytes) this.#pressed = true;
    clock.after(this.#departedAt - clock.now, () => {
      if (this.#lost) return;
      this.#bufferedBytes -= bytes;
      if (this.#bufferedBytes > 0 || !this.#pressed) return;
      this.#pressed = false;
      this.#listener?.onDrain();
    });
  }
}
