/** The service worker of an app, its relay named in the address of the script; `replica` is there for the tests. */
import type { ServiceWorkerReplica } from '../../../src/service-worker.ts';
import { open } from '../../../src/service-worker.ts';

declare global {
  var replica: ServiceWorkerReplica;
  var openReplica: typeof open;
}

const scope = globalThis as unknown as {
  readonly clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener(type: string, listener: (event: { waitUntil(work: Promise<unknown>): void }) => void): void;
};
const parameters = new URL(globalThis.location.href).searchParams;
const url = parameters.get('url');

scope.addEventListener('install', (event) => event.waitUntil(scope.skipWaiting()));
scope.addEventListener('activate', (event) => event.waitUntil(scope.clients.claim()));
globalThis.openReplica = open;
globalThis.replica = open('todo', {
  schema: parameters.get('schema') ?? 'CREATE TABLE todo (id TEXT PRIMARY KEY NOT NULL, title TEXT, done INTEGER)',
  api: '/api',
  mode: parameters.get('mode') === 'peer' ? 'peer' : 'leaf',
  fetchSyncMs: 0,
  // Nothing but its lock tells that a tab is gone.
  limits: { silenceMs: 3_600_000 },
  ...(url === null ? {} : { url }),
});
