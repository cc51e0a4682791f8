/** Puts a relay together from its options; the door fills in what is the machine's. */
import type { Limits } from '../core/limits.ts';
import type { Log, Runtime } from '../core/runtime.ts';
import type { ReplicaPort } from '../replica/replica-port.ts';
import type { Codec } from '../wire/codec-port.ts';
import type { Authorize } from './access.ts';
import { Connections } from './connections.ts';
import type { AccessTokens } from './default-access.ts';
import { defaultAuthorize } from './default-access.ts';
import { Directory } from './directory.ts';
import { HttpSessions } from './http-sessions.ts';
import { Images } from './images.ts';
import type { Meter } from './meter.ts';
import { textMeter } from './meter.ts';
import type { OriginPolicy } from './origin.ts';
import { Relay } from './relay.ts';
import { BodyBudget } from './request-body.ts';
import type { RelayContext } from './relay-context.ts';
import type { Routes } from './routes.ts';
import { routeTable } from './routes.ts';
import type { PinStore } from './site-pins.ts';
import { memoryPinStore, SitePins } from './site-pins.ts';
import type { Storage } from './storage.ts';

/** What an owner may choose. */
export interface RelaySettings extends AccessTokens {
  /** Who may do what; without it `token` and `peerToken` decide, without these everything is for this machine only. */
  readonly authorize?: Authorize;
  readonly routes?: Partial<Routes>;
  /** Before every route: '/sync'. */
  readonly prefix?: string;
  /** Web origins beside loopback and same origin. */
  readonly origins?: readonly string[];
  /** Host headers taken; 'loopback' unless an authorize function is given. */
  readonly hosts?: OriginPolicy['hosts'];
  /** Databases that are not there are created from it, for callers that may. */
  readonly schema?: string;
  readonly meter?: Meter;
  /** Where first-seen site keys are kept. */
  readonly pins?: PinStore;
}

/** What the door brings. */
export interface RelayMachine {
  readonly storage: Storage;
  readonly codec: Codec;
  readonly limits: Limits;
  readonly log: Log;
  readonly runtime: Runtime;
  /** Called for every database that was opened; what it returns is called before it is closed. */
  readonly onOpened: (replica: ReplicaPort) => () => void;
  /** Databases stay open while nobody calls: they have links of their own. */
  readonly staysOpen?: boolean;
}

/** Errors  USAGE for routes that lack their parameters. */
export function createRelay(settings: RelaySettings, machine: RelayMachine): Relay {
  const { storage, limits, runtime, log, codec, onOpened, staysOpen = false } = machine;
  const images = new Images({ storage, limits });
  const opened = (replica: ReplicaPort): (() => void) => {
    const beforeClose = onOpened(replica);
    return () => {
      images.drop(replica.dbid);
      beforeClose();
    };
  };
  const context: RelayContext = {
    authorize: settings.authorize ?? defaultAuthorize(settings),
    bodies: new BodyBudget(limits.bodiesBytesMax),
    codec,
    connections: new Connections(limits),
    directory: new Directory({ storage, limits, runtime, log, onOpened: opened, staysOpen }),
    images,
    limits,
    log,
    meter: settings.meter ?? textMeter(),
    pins: new SitePins(settings.pins ?? memoryPinStore(limits)),
    runtime,
    sessions: new HttpSessions(),
    streams: new Set(),
    schema: settings.schema,
  };
  context.meter.gauge('crmesh_databases_open', () => context.directory.openCount);
  context.meter.gauge('crmesh_image_bytes', () => images.bytes);
  context.meter.gauge('crmesh_connections', () => context.connections.count);
  const origins: OriginPolicy = {
    origins: settings.origins ?? [],
    hosts: settings.hosts ?? (settings.authorize === undefined ? 'loopback' : 'any'),
  };
  return new Relay({ context, origins, routes: routeTable(settings.routes, settings.prefix), storage });
}
