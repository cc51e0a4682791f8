/**
 * Engine instances and the databases in them.
 *
 * An instance serves a bounded number of databases at a time and in its life (its memory never shrinks), and
 * none after it failed. An instance costs some 1.5 MB, a database in a shared one 0.15 MB.
 */
import { instantiateEngine } from './engine-instance.ts';
import type { EngineModule } from './engine-module.ts';
import { Engine } from './engine.ts';

/** An instance without databases that has grown beyond this is not kept. */
const IDLE_MEMORY_BYTES_MAX = 128 << 20;

export interface EnginePoolOptions {
  /** Databases open in one instance at the same time: a failure takes all of them along. */
  readonly databasesMax: number;
  /** Databases opened in one instance during its life. */
  readonly opensMax: number;
  /** Prepares a fresh instance, e.g. registers its file layer. */
  readonly prepare?: (engine: Engine, module: EngineModule) => void;
}

interface Place {
  readonly engine: Engine;
  open: number;
  opened: number;
}

export interface EngineLease {
  readonly engine: Engine;
  /** Gives the place back; idempotent. */
  readonly release: () => void;
}

export class EnginePool {
  readonly #compiled: WebAssembly.Module;
  readonly #options: EnginePoolOptions;
  /** Instances that still take databases, or may when one closes. */
  readonly #places = new Set<Place>();

  constructor(compiled: WebAssembly.Module, options: EnginePoolOptions) {
    this.#compiled = compiled;
    this.#options = options;
  }

  lease(): EngineLease {
    const place = this.#freePlace() ?? this.#newPlace();
    place.open += 1;
    place.opened += 1;
    let leased = true;
    const release = (): void => {
      if (!leased) return;
      leased = false;
      place.open -= 1;
      this.#dropSpent(place);
    };
    return { engine: place.engine, release };
  }

  #freePlace(): Place | undefined {
    const { databasesMax, opensMax } = this.#options;
    for (const place of this.#places) {
      this.#dropSpent(place);
      if (!place.engine.failed && place.open < databasesMax && place.opened < opensMax) return place;
    }
    return undefined;
  }

  #newPlace(): Place {
    const module = instantiateEngine(this.#compiled);
    const engine = new Engine(module);
    this.#options.prepare?.(engine, module);
    const place: Place = { engine, open: 0, opened: 0 };
    this.#places.add(place);
    return place;
  }

  /** A failed, worn or swollen instance is forgotten; its databases keep it until they close. */
  #dropSpent(place: Place): void {
    const worn = place.opened >= this.#options.opensMax || place.engine.module.HEAPU8.length > IDLE_MEMORY_BYTES_MAX;
    if (place.engine.failed || (place.open === 0 && worn)) this.#places.delete(place);
  }
}
