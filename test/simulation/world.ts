/** A running world: machines, the links that should stand between them, and who dials again when one ends. */
import type { ErrorCode } from '../../src/core/errors.ts';
import { codedError } from '../../src/core/errors.ts';
import type { Coverage } from '../../src/core/coverage.ts';
import { coverageOf } from '../../src/core/coverage.ts';
import type { Grant, ImageAnswer, Link, WriteDecision } from '../../src/replica/replica-port.ts';
import type { DiskSnapshot } from '../../src/sqlite/wasm/memory-file-system.ts';
import type { Message } from '../../src/wire/message.ts';
import { createCodec } from '../../src/wire/codec.ts';
import { VirtualClock } from './clock.ts';
import type { Computers } from './computers.ts';
import type { Image } from './images.ts';
import { Ledger } from './ledger.ts';
import type { LogLine, Surroundings } from './machine.ts';
import { DATABASE_ID, Machine } from './machine.ts';
import type { Connection, VirtualPort } from './network.ts';
import { VirtualNetwork } from './network.ts';
import type { ObservedCodec } from './observed-codec.ts';
import { isHeartbeat, observedCodec } from './observed-codec.ts';
import { Random } from './random.ts';
import { describeMessage } from './trace.ts';
import type { EdgePlan, WorldPlan } from './world-plan.ts';

/** A link that the world wants, and what stands of it. */
export interface Edge {
  readonly client: Machine;
  readonly server: Machine;
  readonly mode: EdgePlan['mode'];
  wanted: boolean;
  link: Link | undefined;
  connection: Connection | undefined;
  /** It is not dialled while its client fetches an image. */
  fetching: boolean;
  /** An image could not be fetched. */
  byRows: boolean;
}

/** How a link ended, for the judges. */
export interface Ended {
  readonly machine: string;
  readonly code: ErrorCode;
  readonly message: string;
  readonly echoed: number;
}

const HELLO_WAIT_MS = 10_000;
/** Of what users of a simulated world write at once, and of what one message holds. */
const LARGEST_TRANSACTION_CHANGES = 150;
const LARGEST_MESSAGE_BYTES = 32_000;

export class World implements Surroundings {
  readonly plan: WorldPlan;
  readonly clock: VirtualClock = new VirtualClock();
  readonly codec: ObservedCodec;
  readonly limits: WorldPlan['limits'];
  readonly turnMs: number;
  readonly ledger: Ledger = new Ledger();
  readonly network: VirtualNetwork;
  readonly machines: ReadonlyMap<string, Machine>;
  /** Of empty databases whose site ids no machine has. */
  readonly spareDisks: readonly DiskSnapshot[];
  /** Takes no part; the judges feed it at the end. */
  readonly newcomer: Machine;
  readonly edges: readonly Edge[];
  readonly log: LogLine[] = [];
  readonly ended: Ended[] = [];
  readonly torn: string[] = [];
  onCommit: (machine: Machine) => void = () => {};
  onPowerFailed: (machine: Machine) => void = () => {};
  onLateError: (error: unknown) => void = () => {};
  /** Files that were set back, cloned or wiped so far. */
  filesReplaced = 0;
  /** Machines that were set back whole, each with the link on which that is noticed. */
  readonly setBack: Map<Machine, Edge> = new Map();
  /** How often each kind of fault happened. */
  readonly faults: Record<string, number> = {};
  /** The most that anything which must be bounded had, above its bound. */
  readonly overruns: string[] = [];
  /** Messages that are no heartbeats, sent so far; the last one in words. */
  busyMessages = 0;
  lastBusy = '';
  readonly #images = new Map<Machine, Image>();
  readonly #echoes = new WeakMap<Link, number>();
  readonly #random: Random;
  readonly #trace: ((line: string) => void) | undefined;

  constructor(
    plan: WorldPlan,
    parts: {
      readonly computers: Computers;
      readonly seed: number;
      readonly trace?: ((line: string) => void) | undefined;
    },
  ) {
    const { computers, seed } = parts;
    this.plan = plan;
    this.limits = plan.limits;
    this.turnMs = plan.turnMs;
    this.#trace = parts.trace;
    this.#random = new Random(seed, 'dial');
    this.codec = observedCodec(createCodec({ limits: plan.limits }));
    this.network = new VirtualNetwork(this.clock, new Random(seed, 'network'), plan.network, {
      onSend: (from, to, frame, bufferedBytes) => this.#noteSent({ from, to, bufferedBytes }, frame),
      onLost: (from, to, frame) => {
        this.count('frame lost');
        this.trace(() => `${from} -> ${to} LOST ${this.#words(frame)}`);
      },
    });
    const disks = new Random(seed, 'sites').shuffled(computers.templates);
    const machine = (name: string, i: number): Machine =>
      new Machine(name, { computer: computers.all[i]!, disk: disks[i]!, world: this, random: new Random(seed, name) });
    this.machines = new Map(plan.machines.map(({ name }, i) => [name, machine(name, i)]));
    this.newcomer = machine('newcomer', plan.machines.length);
    this.spareDisks = disks.slice(plan.machines.length + 1);
    this.edges = plan.edges.map(({ client, server, mode }): Edge => {
      const ends = { client: this.machines.get(client)!, server: this.machines.get(server)! };
      return { ...ends, mode, wanted: true, link: undefined, connection: undefined, fetching: false, byRows: false };
    });
  }

  /** Its file and marker are of an earlier day, and no peer has told it yet: it gives numbers out again. */
  isSetBack(machine: Machine): boolean {
    if (this.setBack.get(machine)?.link?.state === 'open') this.setBack.delete(machine);
    return this.setBack.has(machine);
  }

  get running(): Machine[] {
    return [...this.machines.values()].filter(({ isRunning }) => isRunning);
  }

  count(fault: string): void {
    this.faults[fault] = (this.faults[fault] ?? 0) + 1;
  }

  note(line: LogLine): void {
    this.log.push(line);
  }

  noteLate(error: unknown): void {
    this.onLateError(error);
  }

  noteTorn(what: string): void {
    this.trace(() => `TORN ${what}`);
    this.torn.push(what);
  }

  trace(text: () => string): void {
    this.#trace?.(`${(this.clock.elapsedMs / 1000).toFixed(3)} ${text()}`);
  }

  /** Switches a machine on; its links dial by themselves. */
  start(machine: Machine): void {
    this.trace(() => `${machine.name} starts`);
    machine.start();
    for (const edge of this.edges) if (edge.client === machine) this.#dialSoon(edge);
  }

  /** In the middle of a call: the machine is cleared away as after a crash. */
  powerFailed(machine: Machine): void {
    this.trace(() => `the power of ${machine.name} fails inside a write`);
    this.count('power cut inside a write');
    if (machine.isRunning) this.#noteEchoes(machine);
    this.network.machineDied(machine.name);
    this.#forgetLinks(machine);
    this.onPowerFailed(machine);
  }

  crash(machine: Machine, kind: 'process' | 'power'): void {
    this.trace(() => `${machine.name} crashes (${kind})`);
    this.count(kind === 'power' ? 'loss of power' : 'end of process');
    this.#noteEchoes(machine);
    this.network.machineDied(machine.name);
    machine.recordOwn();
    // The power may have failed while the connection was opened again.
    if (!machine.isRunning) return;
    machine.crash(kind);
    this.#forgetLinks(machine);
  }

  stop(machine: Machine): void {
    this.trace(() => `${machine.name} stops`);
    machine.stop();
    this.#forgetLinks(machine);
  }

  disconnect(edge: Edge): void {
    this.trace(() => `${edge.client.name} disconnects from ${edge.server.name}`);
    edge.wanted = false;
    edge.link?.close();
  }

  connect(edge: Edge): void {
    edge.wanted = true;
    this.#dialSoon(edge);
  }

  /** Truncates the connection under a link, if there is one. */
  cut(edge: Edge): void {
    this.count('connection cut');
    this.trace(() => `the connection ${edge.client.name}-${edge.server.name} is cut`);
    edge.connection?.cut();
  }

  /** Echoes of links that still stand. */
  standingEchoes(): number {
    return this.running
      .flatMap(({ replica }) => replica.links)
      .reduce((sum, { traffic }) => sum + traffic.changesEchoed, 0);
  }

  /** Names the moment of an echo in the trace. */
  #traceEchoes(): void {
    if (this.#trace === undefined) return;
    for (const machine of this.running) {
      for (const link of machine.replica.links) {
        const { changesEchoed } = link.traffic;
        if (changesEchoed === (this.#echoes.get(link) ?? 0)) continue;
        this.#echoes.set(link, changesEchoed);
        this.trace(
          () =>
            `${machine.name} has heard ${changesEchoed} echoes from ${link.peer?.slice(0, 4)} (${JSON.stringify(link.traffic)})`,
        );
      }
    }
  }

  #forgetLinks(machine: Machine): void {
    for (const edge of this.edges) {
      if (edge.client !== machine) continue;
      edge.link = undefined;
      edge.connection = undefined;
      edge.fetching = false;
    }
  }

  #noteEchoes(machine: Machine): void {
    for (const { traffic } of machine.replica.links) {
      this.ended.push({ machine: machine.name, code: 'LINK_LOST', message: 'crash', echoed: traffic.changesEchoed });
    }
  }

  #dialSoon(edge: Edge): void {
    const { client } = edge;
    if (!client.isRunning) return;
    this.clock.after(this.#random.between(0, 1_500), () => this.#dial(edge), client.owner);
  }

  #dial(edge: Edge): void {
    const { client, server, mode } = edge;
    const { owner } = client;
    if (!edge.wanted || edge.link !== undefined || edge.fetching || !client.isRunning) return;
    const isPartitioned = this.network.isBlocked(client.name, server.name);
    const wantsImage = this.#wantsImage(edge);
    const isReady = client.isRunning && server.isRunning;
    if (!isReady || isPartitioned || wantsImage === 'unknown') return this.#dialSoon(edge);
    const connection = this.network.connect(client.name, server.name, this.limits.bufferedBytesMax / 4);
    edge.connection = connection;
    this.#welcome(server, connection.ports[1]);
    const images = wantsImage ? { onImage: () => this.#takeImage(edge) } : {};
    const link = client.replica.attach(connection.ports[0], {
      role: 'client',
      mode,
      dbid: DATABASE_ID,
      ...images,
      onEnd: (error) => {
        if (owner.alive) this.#noteEnd(client, link, error.code, error.message);
        if (edge.link !== link) return;
        edge.link = undefined;
        edge.connection = undefined;
        this.#dialSoon(edge);
      },
    });
    edge.link = link;
  }

  /** Unknown where the store cannot be opened anew, for want of room or power: as a SyncLink does, it is dialled again. */
  #wantsImage({ client, byRows }: Edge): boolean | 'unknown' {
    try {
      return this.plan.images && !byRows && client.store.isPristine;
    } catch (error) {
      if (!client.isRunning || codedError(error).code === 'STORAGE_FULL') return 'unknown';
      throw error;
    }
  }

  /** The server's door: reads the hello, then hands the connection to the replica. */
  #welcome(server: Machine, port: VirtualPort): void {
    const { owner, replica } = server;
    const stop = this.clock.after(HELLO_WAIT_MS, () => port.close(4503, 'HANDSHAKE_TIMEOUT'), owner);
    port.listen({
      onFrame: (frame) => {
        stop();
        if (!owner.alive) return port.close(1001, 'CLOSED');
        const hello = this.#decoded(frame);
        if (hello?.type !== 'hello') return port.close(4400, 'SESSION_PROTOCOL');
        const link = replica.attach(port, {
          role: 'server',
          hello,
          grant: this.#grant(),
          ...(this.plan.images ? { image: (answer: ImageAnswer) => this.#findImage(server, answer) } : {}),
          onEnd: (error) => {
            if (owner.alive) this.#noteEnd(server, link, error.code, error.message);
          },
        });
      },
      onDrain: () => {},
      onClose: () => stop(),
    });
  }

  #findImage(server: Machine, { found }: ImageAnswer): void {
    const make = (): void => {
      const image = this.#random.chance(0.9) ? server.tryMakeImage() : undefined;
      if (image !== undefined) this.#images.set(server, image);
      if (server.isRunning) found(image?.offer);
    };
    this.clock.after(this.#random.between(1, 3_000), make, server.owner);
  }

  /** Ends the session, fetches the image and puts it in place, or goes on with rows; then it connects again. */
  #takeImage(edge: Edge): void {
    const { client, server } = edge;
    const image = this.#images.get(server);
    edge.fetching = true;
    edge.link?.close();
    const fetched = (): void => {
      edge.fetching = false;
      edge.byRows = image === undefined || this.#random.chance(0.1);
      this.trace(() => `${client.name} ${edge.byRows ? 'could not fetch' : 'takes'} the image of ${server.name}`);
      this.count('image fetched');
      if (image !== undefined && !edge.byRows)
        client.tryAdopt(image, this.#random.pick([undefined, undefined, 0, 1, 2]));
      if (client.isRunning) this.#dialSoon(edge);
    };
    this.clock.after(this.#random.between(1, 20_000), fetched, client.owner);
  }

  #decoded(frame: Uint8Array): Message | undefined {
    try {
      return this.codec.decode(frame);
    } catch (error) {
      this.trace(() => `not a hello: ${codedError(error).message}`);
      return undefined;
    }
  }

  #grant(): Grant {
    const all = { read: 'all', write: 'all', schema: true, mode: 'peer', vouch: true } as const;
    if (!this.plan.refuses) return all;
    const write: Grant['write'] = ({ cid, val }): WriteDecision =>
      cid === 'b' && val === 'y' ? 'reject' : cid === 'w' && val === 2.5 ? 'drop' : 'allow';
    return { ...all, write, mode: 'leaf' };
  }

  #noteEnd(machine: Machine, link: Link, code: ErrorCode, message: string): void {
    this.trace(() => `${machine.name} link ends: ${code} ${message}`);
    this.ended.push({ machine: machine.name, code, message, echoed: link.traffic.changesEchoed });
  }

  #noteSent(
    { from, to, bufferedBytes }: { readonly from: string; readonly to: string; readonly bufferedBytes: number },
    frame: Uint8Array,
  ): void {
    this.#noteOverrun(from, to, bufferedBytes);
    const message = this.codec.messageIn(frame);
    if (message === undefined || !isHeartbeat(message.type)) {
      this.busyMessages += 1;
      this.lastBusy = `${from} -> ${to} ${message?.type ?? 'unknown'}`;
    }
    for (const [site, ranges] of message === undefined ? [] : heldIn(message)) this.ledger.promise(from, site, ranges);
    for (const [site, ranges] of message === undefined ? [] : refusedIn(message)) this.ledger.refuse(site, ranges);
    this.#traceEchoes();
    this.trace(() => `${from} -> ${to} ${this.#words(frame)}`);
  }

  /** P6: what waits for a peer, and what waits to be merged, is bounded. */
  #noteOverrun(from: string, to: string, bufferedBytes: number): void {
    const { bufferedBytesMax, unreadAnswerBytesMax, groupChangesMax, pieceChangesMax } = this.limits;
    const note = (what: string, value: number, bound: number): void => {
      if (value > bound) this.overruns.push(`${from} holds ${value} ${what}, more than ${bound}`);
    };
    note(`bytes for ${to}`, bufferedBytes, bufferedBytesMax + unreadAnswerBytesMax + LARGEST_MESSAGE_BYTES);
    const waiting = this.machines.get(from)?.waitingChanges ?? 0;
    note('changes that wait', waiting, 3 * groupChangesMax + pieceChangesMax + LARGEST_TRANSACTION_CHANGES);
  }

  #words(frame: Uint8Array): string {
    const message = this.codec.messageIn(frame);
    return message === undefined ? `${frame.length} bytes` : describeMessage(message);
  }
}

/** What the sender of a message says it refused, durably. */
function refusedIn(message: Message): Coverage {
  if (message.type === 'nack') return coverageOf(message.site, message.ranges);
  if (message.type === 'ack') return coverageOf(message.site, message.ack.refused);
  if (message.type === 'welcome') return new Map([...message.acks].map(([site, { refused }]) => [site, refused]));
  return new Map();
}

/** What the sender of a message says it holds, durably. */
function heldIn(message: Message): Coverage {
  if (message.type === 'ack') return coverageOf(message.site, message.ack.held);
  if (message.type === 'welcome') return new Map([...message.acks].map(([site, { held }]) => [site, held]));
  return new Map();
}
