/** Times a storage: what bench/ prints. Runs in a worker; the address names the storage. */
import type { FileSystem } from '../src/sqlite/wasm/file-system.ts';
import { MemoryFileSystem } from '../src/sqlite/wasm/memory-file-system.ts';
import { MirrorFileSystem } from '../src/sqlite/wasm/mirror-file-system.ts';
import { MirrorStorage } from '../src/sqlite/wasm/mirror-storage.ts';
import { OpfsFileSystem } from '../src/sqlite/wasm/opfs-file-system.ts';
import { Bench } from './browser-measures.ts';

const query = new URLSearchParams(location.search);
const storage = query.get('storage') ?? 'opfs';
const bench = new Bench({
  fileSystem,
  module: () => WebAssembly.compileStreaming(fetch('/crsqlite-sync.wasm')),
});
bench.run(query.get('step') ?? 'fill').then(
  (figures) => postMessage({ figures }),
  (error: unknown) => postMessage({ failure: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
);

async function fileSystem(): Promise<FileSystem> {
  if (storage === 'memory') return new MemoryFileSystem();
  if (storage === 'mirror') return MirrorFileSystem.load((await MirrorStorage.open('crmesh-measure'))!);
  const root = await navigator.storage.getDirectory();
  return OpfsFileSystem.open(await root.getDirectoryHandle('crmesh-measure', { create: true }));
}
