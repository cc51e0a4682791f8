/** What waits in the inbox, in all and by who sent it. */
import type { MergeInput } from '../store/store-port.ts';

export interface CountedEntry<Source> {
  readonly source: Source | undefined;
  readonly input: Pick<MergeInput, 'parts'>;
  readonly heldBytes?: number;
  readonly base?: object;
}

interface Waiting {
  entries: number;
  changes: number;
  bases: number;
}

export class InboxCounts<Source> {
  readonly #lightMax: number;
  readonly #bySource = new Map<Source | undefined, Waiting>();
  #changes = 0;
  #bytes = 0;

  /** Who has no more changes waiting than `lightMax` is light. */
  constructor(lightMax: number) {
    this.#lightMax = lightMax;
  }

  get changes(): number {
    return this.#changes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Merging all of it keeps nobody waiting. A base is stored alone, in its place. */
  isLight(source: Source | undefined): boolean {
    const waiting = this.#bySource.get(source);
    return waiting === undefined || (waiting.changes <= this.#lightMax && waiting.bases === 0);
  }

  get hasHeavy(): boolean {
    for (const source of this.#bySource.keys()) if (!this.isLight(source)) return true;
    return false;
  }

  add(entry: CountedEntry<Source>): void {
    this.#count(entry, 1);
  }

  remove(entry: CountedEntry<Source>): void {
    this.#count(entry, -1);
  }

  #count({ source, input, heldBytes = 0, base }: CountedEntry<Source>, sign: 1 | -1): void {
    const changes = sign * changesIn(input);
    this.#changes += changes;
    this.#bytes += sign * heldBytes;
    const waiting = this.#bySource.get(source) ?? { entries: 0, changes: 0, bases: 0 };
    waiting.entries += sign;
    waiting.changes += changes;
    if (base !== undefined) waiting.bases += sign;
    if (waiting.entries === 0) this.#bySource.delete(source);
    else this.#bySource.set(source, waiting);
  }
}

export function changesIn({ parts }: Pick<MergeInput, 'parts'>): number {
  return parts.reduce((sum, { rows }) => sum + rows.length, 0);
}
