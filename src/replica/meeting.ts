/**
 * One room in which the tabs of an origin sync with each other: a link between each two, in mode peer, kept up by the
 * one with the smaller id.
 */
import type { Limits } from '../core/limits.ts';
import type { Log, Runtime } from '../core/runtime.ts';
import type { FramePort } from '../transport/frame-port.ts';
import { channelOf, Gathering } from '../transport/gathering.ts';
import type { Link, ReplicaPort } from './replica-port.ts';
import { SyncLink } from './sync-link.ts';

export interface MeetingParts {
  readonly replica: ReplicaPort;
  readonly runtime: Runtime;
  readonly limits: Limits;
  readonly log: Log;
  readonly room: string;
  /** Serves a member that dialled. */
  readonly attach: (port: FramePort) => Promise<Link | undefined>;
}

export class Meeting {
  readonly #parts: MeetingParts;
  readonly #gathering: Gathering;
  readonly #members = new Set<string>();
  readonly #dialled = new Map<string, SyncLink>();
  readonly #accepted = new Map<string, Promise<Link | undefined>>();
  readonly #listeners = new Set<(members: number) => void>();

  constructor(parts: MeetingParts) {
    this.#parts = parts;
    const { runtime, limits, room } = parts;
    this.#gathering = new Gathering(
      { channel: channelOf(room), runtime, limits },
      {
        onMember: (member) => this.#came(member),
        onGone: (member) => this.#went(member),
        onPort: (port, member) => void this.#accepted.set(member, parts.attach(port)),
      },
    );
  }

  get members(): number {
    return this.#members.size;
  }

  onMembers(listener: (members: number) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async synced(): Promise<void> {
    const accepted = await Promise.all(this.#accepted.values());
    const links = [...this.#dialled.values(), ...accepted.filter((link) => link !== undefined)];
    await Promise.all(links.map((link) => link.synced()));
  }

  close(): void {
    for (const link of this.#dialled.values()) link.close();
    this.#gathering.close();
    this.#members.clear();
  }

  #came(member: string): void {
    this.#members.add(member);
    if (this.#gathering.id < member) this.#dialled.set(member, this.#linkTo(member));
    this.#tell();
  }

  #went(member: string): void {
    this.#members.delete(member);
    this.#accepted.delete(member);
    this.#dialled.get(member)?.close();
    this.#dialled.delete(member);
    this.#tell();
  }

  #linkTo(member: string): SyncLink {
    const { replica, runtime, limits, log } = this.#parts;
    return new SyncLink({
      replica,
      runtime,
      limits,
      dial: async () => this.#gathering.dial(member),
      dbid: replica.dbid,
      mode: 'peer',
      report: (error) => log.error({ err: error }, 'a link of a room'),
    });
  }

  #tell(): void {
    for (const listener of this.#listeners) listener(this.members);
  }
}
