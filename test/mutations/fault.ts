/**
 * A deliberate fault: a patch of the sources that takes one rule away, so that something must notice its loss.
 *
 * Patches are applied while sources are bundled or loaded; the sources themselves hold no switches. Each `find` stands
 * exactly once in its file, which a house test checks.
 */
export interface Patch {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface Fault extends Patch {
  readonly name: string;
  /** The rule that is broken, in words. */
  readonly rule: string;
  /** The promise of PROTOCOL.md that does not hold without it. */
  readonly promise: `P${1 | 2 | 3 | 4 | 5 | 6 | 7 | 8}`;
  /** Test files that notice it; without any the simulation must, in its first seeds. */
  readonly tests?: readonly string[];
  /** Further places that must change together. */
  readonly also?: readonly Patch[];
}

export function patchesOf({ file, find, replace, also }: Fault): readonly Patch[] {
  return [{ file, find, replace }, ...(also ?? [])];
}

/** How often the text that a patch replaces stands in a source; 1 is right. */
export function occurrences(text: string, { find }: Patch): number {
  return text.split(find).length - 1;
}

/** A source with those patches that are its own. */
export function patchedSource(file: string, text: string, patches: readonly Patch[]): string {
  return patches.filter((patch) => patch.file === file).reduce(patched, text);
}

function patched(text: string, patch: Patch): string {
  if (occurrences(text, patch) !== 1) throw new Error(`not exactly once in ${patch.file}: ${patch.find}`);
  return text.replace(patch.find, () => patch.replace);
}
