/** Times a storage: what bench/ prints. Runs in a worker; the address names the storage. */
import { Bench } from './browser-measures.ts';

const query = new URLSearchParams(location.search);
const bench = new Bench(query.get('storage') ?? 'opfs');
bench.run(query.get('step') ?? 'fill').then(
  (figures) => postMessage({ figures }),
  (error: unknown) => postMessage({ failure: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
);
