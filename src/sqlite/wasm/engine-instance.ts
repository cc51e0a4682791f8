/** Instances of the compiled engine: made at once, on Node and in browsers alike. */
import factory from '@vlcn.io/wa-sqlite/dist/crsqlite-sync.mjs';
import { ReplicationError } from '../../core/errors.ts';
import type { EngineModule } from './engine-module.ts';

/**
 * A fresh instance of the engine, ready at once.
 *
 * Why     The factory answers a promise, but it fills the settings object before it returns when the instance
 *         is handed to it synchronously; so opening a database never has to wait.
 * Errors  ENGINE_FAILED when the machine refuses another instance (memory or address space).
 */
export function instantiateEngine(compiled: WebAssembly.Module): EngineModule {
  const settings: Record<string, unknown> = {
    instantiateWasm(imports: WebAssembly.Imports, receive: (instance: WebAssembly.Instance) => unknown): unknown {
      return receive(new WebAssembly.Instance(compiled, imports));
    },
    // Asked while the address of the script is taken for granted, which a classic script does not know.
    locateFile: (name: string) => name,
    print: () => {},
    printErr: () => {},
  };
  factory(settings).catch(() => {});
  if (typeof settings['_sqlite3_open_v2'] !== 'function' || settings['calledRun'] !== true) {
    throw new ReplicationError(
      'ENGINE_FAILED',
      'no further engine instance could be made: close databases or raise the memory limit of the process',
    );
  }
  return settings as unknown as EngineModule;
}
