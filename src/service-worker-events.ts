/**
 * The events of a service worker, as a replica uses them. Every piece of work is given to waitUntil and ends by itself,
 * so the browser keeps the worker no longer than that.
 */
import { lockName } from './browser-places.ts';
import { ReplicationError } from './core/errors.ts';
import { errorAnswer } from './relay/answer.ts';
import type { ServiceWorkerReplica } from './service-worker-replica.ts';

/** What a page and its service worker post to each other. */
export type ServiceWorkerMessage =
  /** Page: here is a port to the owner of this database; I hold this Web Lock as long as I live. */
  | { readonly crmesh: 'port'; readonly name: string; readonly lock: string }
  /** Service worker: I have no port to a tab. */
  | { readonly crmesh: 'no-port'; readonly name: string };

export interface EventOptions {
  readonly name: string;
  readonly api: string | undefined;
  readonly fetchSyncMs: number;
}

interface WorkerEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}

interface FetchEvent extends WorkerEvent {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}

interface Scope {
  readonly clients: {
    matchAll(options: {
      readonly type: 'window';
      readonly includeUncontrolled: boolean;
    }): Promise<readonly { postMessage(message: ServiceWorkerMessage): void }[]>;
  };
  addEventListener(type: string, listener: (event: never) => void): void;
}

/** A tab that holds the database is given so long to send a port. */
const TAB_MS = 2_000;
const TAB_CHECK_MS = 20;

export function listenToEvents(replica: ServiceWorkerReplica, options: EventOptions): void {
  const scope = globalThis as unknown as Scope;
  const { name, api, fetchSyncMs } = options;
  let fetchedAt = 0;
  const quietly = (work: Promise<unknown>): Promise<unknown> => work.catch(() => undefined);
  const sync = async (): Promise<void> => {
    if (!replica.hasTab) await askTab(scope, replica, name);
    await replica.sync();
  };
  scope.addEventListener('install', (event: WorkerEvent) => event.waitUntil(quietly(replica.keepEngine())));
  scope.addEventListener('sync', (event: WorkerEvent & { readonly tag: string }) => {
    // Only our own tag fails: the browser then sends it again.
    event.waitUntil(event.tag === `crmesh ${name}` ? sync() : quietly(sync()));
  });
  scope.addEventListener('periodicsync', (event: WorkerEvent) => event.waitUntil(quietly(sync())));
  scope.addEventListener('push', (event: WorkerEvent) => event.waitUntil(quietly(sync())));
  scope.addEventListener('message', (event: WorkerEvent & MessageEvent) => {
    const message = Object(event.data) as Partial<ServiceWorkerMessage>;
    const [port] = event.ports;
    if (message.crmesh !== 'port' || message.name !== name || port === undefined) return;
    event.waitUntil(quietly(replica.joinTab(port, String(message.lock))));
  });
  scope.addEventListener('fetch', (event: FetchEvent) => {
    const { origin, pathname } = new URL(event.request.url);
    const isOurs = api !== undefined && origin === globalThis.location.origin && pathname.startsWith(`${api}/`);
    if (isOurs && isForeignWrite(event.request)) return event.respondWith(Promise.resolve(errorAnswer(foreignWrite())));
    const answered = isOurs ? replica.fetch(event.request) : undefined;
    if (answered !== undefined) event.respondWith(answered);
    if ((!isOurs || isRead(event.request)) && Date.now() - fetchedAt < fetchSyncMs) return;
    fetchedAt = Date.now();
    // After the answer, so that what is written by it is in the sync.
    event.waitUntil(quietly(Promise.resolve(answered).then(sync)));
  });
}

function isRead({ method }: Request): boolean {
  return method === 'GET' || method === 'HEAD';
}

/**
 * Why     The form of any site may be sent here, as a page that is opened: the browser shows neither an Origin here nor
 *         whose form it is. An app writes with fetch, which another site cannot bring to this worker.
 */
function isForeignWrite(request: Request): boolean {
  return request.mode === 'navigate' && !isRead(request);
}

function foreignWrite(): ReplicationError {
  return new ReplicationError('FORBIDDEN', 'a form or another navigation may not write here: send it with fetch()');
}

/** A tab that holds the database becomes the peer; without one, or one that does not answer, the relay is asked. */
async function askTab(scope: Scope, replica: ServiceWorkerReplica, name: string): Promise<void> {
  const { held = [] } = await navigator.locks.query();
  if (!held.some((lock) => lock.name === lockName(name))) return;
  const pages = await scope.clients.matchAll({ type: 'window', includeUncontrolled: true });
  for (const page of pages) page.postMessage({ crmesh: 'no-port', name });
  for (let waited = 0; waited < TAB_MS && !replica.hasTab && pages.length > 0; waited += TAB_CHECK_MS) {
    await new Promise((resolve) => setTimeout(resolve, TAB_CHECK_MS));
  }
}
