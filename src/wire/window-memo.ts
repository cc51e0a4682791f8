/**
 * The window that was encoded last, for links that are sent the very same bytes.
 *
 * Why     A commit goes to every live link of a relay. Those that began together count their windows alike and gave the
 *         ids the same numbers: nothing differs, and nothing is encoded anew.
 */
import { claimsAreSpans } from './claims-codec.ts';
import type { IdMemory } from './id-memory.ts';
import type { Window } from './message.ts';

/** What is kept is small. */
const BYTES_MAX = 4096;

export class WindowMemo {
  #window: Window | undefined;
  #numbers: readonly number[] = [];
  #bytes: Uint8Array | undefined;

  /** The bytes of `window` for a link with these ids; undefined where they may differ from those of the last one. */
  find(window: Window, ids: IdMemory): Uint8Array | undefined {
    if (this.#window === undefined || !isSameWindow(this.#window, window)) return undefined;
    if (ids.numberOf(window.era) !== this.#numbers[0]) return undefined;
    const { parts } = window;
    for (let i = 0; i < parts.length; i++) {
      if (ids.numberOf(parts[i]!.body.site) !== this.#numbers[i + 1]) return undefined;
    }
    return this.#bytes;
  }

  /** Encodes a window and keeps it, where all its ids are numbers: those that it names anew are told to one link only. */
  encode(window: Window, ids: IdMemory, encode: () => Uint8Array): Uint8Array {
    const numbers = numbersOf(window, ids);
    const bytes = encode();
    const isKept = numbers !== undefined && bytes.length <= BYTES_MAX;
    this.#window = isKept ? window : undefined;
    this.#bytes = isKept ? bytes : undefined;
    this.#numbers = numbers ?? [];
    return bytes;
  }
}

/** Claims that are not the spans of the parts name sites of their own. */
function numbersOf(window: Window, ids: IdMemory): readonly number[] | undefined {
  if (!claimsAreSpans(window.claims, window.parts)) return undefined;
  const numbers = [window.era, ...window.parts.map(({ body }) => body.site)].map((id) => ids.numberOf(id));
  return numbers.every((number) => number !== undefined) ? numbers : undefined;
}

/** Parts and claims are those of one commit, or they are not compared. */
function isSameWindow(a: Window, b: Window): boolean {
  if (a.n !== b.n || a.from !== b.from || a.to !== b.to || a.claims !== b.claims || a.era !== b.era) return false;
  return a.parts.length === b.parts.length && a.parts.every((part, i) => part === b.parts[i]);
}
