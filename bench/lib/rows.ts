/** The rows of every benchmark: a random id of 16 bytes, a title of 12 characters, done or not, and one of ten owners. */
import { createHash } from 'node:crypto';

export interface BenchRow {
  readonly id: Uint8Array;
  readonly title: string;
  readonly done: 0 | 1;
  readonly owner: string;
}

export const ROW_SCHEMA = 'CREATE TABLE todo (id BLOB PRIMARY KEY NOT NULL, title TEXT, done INTEGER, owner TEXT)';

/** Rows [from, to) of the endless series; the same in every process. */
export function benchRows(from: number, to: number): BenchRow[] {
  return Array.from({ length: to - from }, (_, i) => benchRow(from + i));
}

function benchRow(number: number): BenchRow {
  return {
    id: rowId(number),
    title: `todo ${String(number).padStart(7, '0')}`,
    done: number % 3 === 0 ? 1 : 0,
    owner: `owner ${number % 10}`,
  };
}

export function rowId(number: number): Uint8Array {
  return createHash('sha256').update(`row ${number}`).digest().subarray(0, 16);
}

export function hexId(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('hex');
}

/** A title that says when it was written, on the clock that all processes of the machine share. */
export function stampNow(): string {
  return `@${String(process.hrtime.bigint()).padStart(18, '0')}@`;
}

/** Milliseconds since the stamp was made. */
export function stampAgeMs(stamp: string): number {
  return Number(process.hrtime.bigint() - BigInt(stamp.slice(1, -1))) / 1e6;
}

const STAMP = /@(\d{18})@/g;

/** Every stamp that stands as plain text in a frame, whatever the frame is. */
export function stampsIn(frame: Buffer): string[] {
  return frame.toString('latin1').match(STAMP) ?? [];
}
