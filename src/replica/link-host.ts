/** A link and its replica, as each sees the other: session-link.ts and replica.ts are what stands behind. */
import type { Cursor } from '../core/cursor.ts';
import type { ReplicationError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { Log, Runtime } from '../core/runtime.ts';
import type { SiteId } from '../core/site-id.ts';
import type { IdentityAlarm, SessionEvent } from '../session/session-event.ts';
import type { Committed } from '../session/live-feed.ts';
import type { LocalFacts, SessionState } from '../session/session-state.ts';
import type { StorePort } from '../store/store-port.ts';
import type { Codec } from '../wire/codec-port.ts';
import type { PartBlob } from '../wire/part-blob.ts';
import type { GrowthLog } from './growth-log.ts';
import type { InboxEntry } from './inbox.ts';
import type { LinkBudget } from './link-budget.ts';
import type { AttachOptions, Link } from './replica-port.ts';

export interface HostedLink extends Link {
  readonly host: LinkHost;
  readonly options: AttachOptions;
  readonly session: SessionState;
  /** Runs one event to the end. */
  handle(event: SessionEvent): void;
  /** The same for a commit, in the cheapest way. */
  takeCommit(commit: Committed): void;
  /** Takes one received frame; true when no other waits. */
  takeFrame(): boolean;
  /** Bytes of an input that begins to wait for its merge; less than 0 for one that waits no more. */
  noteWaiting(bytes: number): void;
  /** Sent and not yet taken by the connection. */
  readonly unsentBytes: number;
  /** P4: the peer gave us exactly this part in this session. */
  hasDelivered(blob: PartBlob): boolean;
}

export interface LinkHost {
  readonly store: StorePort;
  readonly codec: Codec;
  readonly runtime: Runtime;
  /** The clock of the runtime: one for all links. */
  readonly now: () => number;
  readonly limits: Limits;
  readonly log: Log;
  readonly growth: GrowthLog;
  readonly budget: LinkBudget;
  facts(): LocalFacts;
  /** The cursor held for a peer, one that is not stored yet included. */
  cursorOf(peer: SiteId): Cursor | undefined;
  /** Queues an input for the next group. */
  enqueue(entry: InboxEntry<HostedLink>): void;
  /** Runs a read of the store in the loop, one a link and turn; false when too many wait already. */
  read(link: HostedLink, job: () => void): boolean;
  /** Frames of the link wait for the loop. */
  framesWait(link: HostedLink): void;
  /** Something waits for the loop: a drain, a timer, the end of a port. */
  post(job: () => void): void;
  /** Makes sure that own writes are announced before a question about them. */
  flush(): void;
  /** Another copy of the store writes under its site id: takes a new one and ends all links, or ends this one. */
  identityLost(link: HostedLink, alarm: IdentityAlarm, error: ReplicationError): void;
  /** Why this replica cannot have one more link, which knows its peer by now; undefined when it can. */
  refusal(link: HostedLink): ReplicationError | undefined;
  /** A peer has said that it refused own writes (R11). */
  writesRefused(): void;
  opened(link: HostedLink): void;
  ended(link: HostedLink): void;
}
