/** Parts cut into groups that are within bounds: what is merged at once, and what goes into one message. */
import type { Change } from '../core/change.ts';
import { changeBytes } from '../core/change.ts';
import type { ChangeRows, PartBody, ReceivedBody } from '../core/part.ts';

/** What one group of parts may have; a single larger change stands alone. */
export interface PieceBounds {
  readonly changesMax: number;
  readonly bytesMax: number;
}

/** Cuts parts so that each group is within the bounds; every piece keeps its part's span. */
export function partsInPieces(parts: readonly PartBody[], bounds: PieceBounds): PartBody[][] {
  const groups = cut(parts, bounds.changesMax, (taken, { rows }, place) => {
    taken.bytes += changeBytes(rows[place]!);
    return taken.bytes <= bounds.bytesMax;
  });
  return groups.map((pieces) => {
    return pieces.map(({ part, start, end }) => {
      return isWhole(part, start, end) ? part : { ...part, rows: part.rows.slice(start, end) };
    });
  });
}

/** The same by the number of changes alone; the rows of a piece are taken out of their part when they are asked for. */
export function partsInGroups(parts: readonly ReceivedBody[], changesMax: number): ReceivedBody[][] {
  return cut(parts, changesMax).map((pieces) => {
    return pieces.map(({ part, start, end }) => {
      return isWhole(part, start, end) ? part : { ...part, rows: new RowsBetween(part.rows, start, end) };
    });
  });
}

/** Changes that are there at once for who looks at one after the other. */
const STEP_ROWS = 200;

/** Some neighbours of other rows. */
class RowsBetween implements ChangeRows {
  readonly length: number;
  readonly #rows: ChangeRows;
  readonly #start: number;

  constructor(rows: ChangeRows, start: number, end: number) {
    this.length = end - start;
    this.#rows = rows;
    this.#start = start;
  }

  slice(start = 0, end: number = this.length): Change[] {
    return this.#rows.slice(this.#start + start, this.#start + Math.min(end, this.length));
  }

  *[Symbol.iterator](): Iterator<Change> {
    for (let start = 0; start < this.length; start += STEP_ROWS) yield* this.slice(start, start + STEP_ROWS);
  }
}

interface Piece<Body> {
  readonly part: Body;
  readonly start: number;
  readonly end: number;
}

type Fits<Body> = (taken: { bytes: number }, part: Body, place: number) => boolean;

/** `fits` adds a change to what a group has taken, and says whether it belongs there still. */
function cut<Body extends ReceivedBody>(
  parts: readonly Body[],
  changesMax: number,
  fits?: Fits<Body>,
): Piece<Body>[][] {
  const groups: Piece<Body>[][] = [[]];
  let taken = { changes: 0, bytes: 0 };
  for (const part of parts) {
    let start = 0;
    for (;;) {
      const end = endOfPiece(part, start, { taken, changesMax, fits });
      if (end > start || part.rows.length === 0) groups[groups.length - 1]!.push({ part, start, end });
      start = end;
      if (start === part.rows.length) break;
      groups.push([]);
      taken = { changes: 0, bytes: 0 };
    }
  }
  return groups;
}

/** Where the rows from `start` stop fitting beside what is taken already, which they are added to. */
function endOfPiece<Body extends ReceivedBody>(
  part: Body,
  start: number,
  {
    taken,
    changesMax,
    fits,
  }: { taken: { changes: number; bytes: number }; changesMax: number; fits?: Fits<Body> | undefined },
): number {
  const room = Math.min(part.rows.length - start, changesMax - taken.changes);
  if (fits === undefined) {
    taken.changes += room;
    return start + room;
  }
  let end = start;
  for (; end < start + room; end++, taken.changes++) {
    if (!fits(taken, part, end) && taken.changes > 0) break;
  }
  return end;
}

function isWhole({ rows }: ReceivedBody, start: number, end: number): boolean {
  return start === 0 && end === rows.length;
}
