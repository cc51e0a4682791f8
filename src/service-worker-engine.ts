/** The engine in a service worker: kept in a cache of the origin, so that it is there offline. */
import { compileEngine } from './browser-engine.ts';

const CACHE = 'crmesh engine';

/** Fetches the engine anew, for the version of the worker that is being installed. */
export async function keepEngine(url: string): Promise<void> {
  const cache = await caches.open(CACHE);
  await cache.add(new Request(url, { cache: 'no-cache' }));
}

/** Errors  UNAVAILABLE when it is neither kept nor reachable. */
export async function engineModule(url: string): Promise<WebAssembly.Module> {
  const kept = await caches.match(url).catch(() => undefined);
  return compileEngine(url, async () => kept ?? fetch(url));
}
