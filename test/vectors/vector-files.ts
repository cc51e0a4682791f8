/** The files of rust-port-notes/vectors as they are when made now: name -> text. */
import { frameVectors } from './frame-vectors.ts';
import { jsonLines } from './json-lines.ts';
import { mergeVectors } from './merge-vectors.ts';
import { sessionVectors } from './session-vectors.ts';
import { tableVectors } from './table-vectors.ts';
import { writeVectors } from './write-vectors.ts';

export function vectorFiles(): Readonly<Record<string, string>> {
  return {
    'frames.json': jsonLines(frameVectors()),
    'merges.json': jsonLines(mergeVectors()),
    'sessions.json': jsonLines(sessionVectors()),
    'tables.json': jsonLines(tableVectors()),
    'writes.json': jsonLines(writeVectors()),
  };
}
