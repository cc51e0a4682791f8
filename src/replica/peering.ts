/**
 * Links without a relay: programs that hold the other end of a MessagePort, and the tabs that meet in a room.
 *
 * Whoever was handed a port, or speaks on a channel of this origin, may read and write all, as mode peer.
 */
import { codedError, ReplicationError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { Log, Runtime } from '../core/runtime.ts';
import { takeFirstFrame } from '../transport/first-frame.ts';
import type { FramePort } from '../transport/frame-port.ts';
import type { MessagePortLike, PortSource } from '../transport/message-port.ts';
import { dialMessagePort, framePortOver } from '../transport/message-port.ts';
import type { Codec } from '../wire/codec-port.ts';
import type { LinkMode } from '../wire/message.ts';
import { helloFromFrame, refuseSession } from './first-hello.ts';
import { Meeting } from './meeting.ts';
import type { Grant, Link, ReplicaPort } from './replica-port.ts';
import type { SyncLinkOptions } from './sync-link.ts';

export interface PeeringParts {
  readonly replica: ReplicaPort;
  readonly codec: Codec;
  readonly runtime: Runtime;
  readonly limits: Limits;
  readonly log: Log;
}

/** One use of a room; the meeting ends with its last. */
export interface MeetingHandle {
  /** Other tabs that are here now. */
  readonly members: number;
  /** Resolves when everything known now on both sides is exchanged with everybody who is here. */
  synced(): Promise<void>;
  /** Calls back when somebody comes or goes. */
  onMembers(listener: (members: number) => void): () => void;
  /** Idempotent. */
  close(): void;
}

type PortTarget = Pick<SyncLinkOptions, 'dial' | 'dbid' | 'mode' | 'runtime'>;

const FULL_GRANT: Grant = { read: 'all', write: 'all', schema: true, mode: 'peer', vouch: true };

export class Peering {
  readonly #parts: PeeringParts;
  readonly #rooms = new Map<string, { readonly meeting: Meeting; users: number }>();

  constructor(parts: PeeringParts) {
    this.#parts = parts;
  }

  /** Where a link over ports goes; mode peer where nothing is said. */
  target(source: PortSource, options: unknown): PortTarget {
    const { replica, runtime } = this.#parts;
    const { mode = 'peer' } = Object(options) as { readonly mode?: LinkMode };
    return { dial: dialMessagePort(source, this.#parts), dbid: replica.dbid, mode, runtime };
  }

  /** Errors  USAGE for what is no MessagePort; what the caller does wrong it is told, and the port closes. */
  accept(messages: MessagePortLike): void {
    void this.#attach(framePortOver(messages, this.#parts));
  }

  /** Errors  USAGE for a room without a name, or where there is no BroadcastChannel. */
  meet(room: string): MeetingHandle {
    if (typeof room !== 'string' || room === '') throw new ReplicationError('USAGE', 'meet takes the name of a room');
    const shared = this.#rooms.get(room) ?? { meeting: this.#gather(room), users: 0 };
    this.#rooms.set(room, shared);
    shared.users += 1;
    const { meeting } = shared;
    let open = true;
    return {
      get members() {
        return open ? meeting.members : 0;
      },
      synced: () => meeting.synced(),
      onMembers: (listener) => meeting.onMembers(listener),
      close: () => {
        if (!open) return;
        open = false;
        shared.users -= 1;
        if (shared.users > 0) return;
        this.#rooms.delete(room);
        meeting.close();
      },
    };
  }

  /** Leaves every room; links of ports end with the replica. */
  close(): void {
    for (const { meeting } of this.#rooms.values()) meeting.close();
    this.#rooms.clear();
  }

  #gather(room: string): Meeting {
    return new Meeting({ ...this.#parts, room, attach: (port) => this.#attach(port) });
  }

  /** Undefined when the caller was refused. */
  async #attach(port: FramePort): Promise<Link | undefined> {
    const { replica, codec, runtime, limits, log } = this.#parts;
    try {
      const { frame, rest } = await takeFirstFrame(port, { runtime, limits, timeoutMs: limits.handshakeMs });
      return replica.attach(rest, { role: 'server', hello: helloFromFrame(codec, frame), grant: FULL_GRANT });
    } catch (error) {
      const coded = codedError(error);
      log[coded.level]({ code: coded.code, link: port.description }, coded.message);
      refuseSession(codec, port, coded);
      return undefined;
    }
  }
}
