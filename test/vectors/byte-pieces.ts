/** Pieces of frames that are written byte by byte, as no writer of ours would write them. */
import { Packr } from 'msgpackr/index-no-eval';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { hexFromBytes } from '../../src/core/site-id.ts';
import { createCodec } from '../../src/wire/codec.ts';
import { helloFields, welcomeFields } from '../../src/wire/greeting-codec.ts';
import type { Hello, Welcome } from '../../src/wire/message.ts';
import { goldenMessages } from '../wire/golden-frames.ts';

/** Name, and hex with spaces where they help. */
export type ByteFrame = readonly [name: string, hex: string];

export const SITE: string = 'ab'.repeat(16);
export const ERA: string = 'e0'.repeat(16);
/** Version, tag of a part, claims = span, site as new id 1. */
export const PART: string = `0109 01 03${SITE}`;
/** Version, tag of a window, its position. */
export const WINDOW: string = `0104 03${ERA} 00 01 00`;
/** Body without rows: head, span (0, 9], no groups. */
export const NO_ROWS = '00 0009 00';
/** Body up to its templates: head, span (0, 9], one group, one table t with column v. */
export const ONE_CELL = '00 0009 01 01 0174 01 0176';
/** The same up to its values: one template (cl 1, all columns), seq from 0, the key 1. */
export const VALUE: string = `${PART} ${ONE_CELL} 01 01 00 00 01 00 01`;
/** The same up to its keys. */
export const KEYS: string = `${PART} ${ONE_CELL} 01 01 00 00`;

const packr = new Packr({ useRecords: false, mapsAsObjects: true, variableMapSize: true, moreTypes: false });
const golden = goldenMessages(createCodec({ limits: DEFAULT_LIMITS }));

type Changes = Readonly<Record<string, unknown>>;

function mapHex(tag: string, fields: Changes): string {
  const kept = Object.entries(fields).filter(([, value]) => value !== undefined);
  return `01${tag}${hexFromBytes(packr.pack(Object.fromEntries(kept)))}`;
}

/** A greeting with other fields; undefined = left out. */
export const hello = (changes: Changes): string =>
  mapHex('01', { ...helloFields(golden['hello'] as Hello), ...changes });
export const welcome = (changes: Changes): string =>
  mapHex('02', { ...welcomeFields(golden['welcome'] as Welcome), ...changes });
export const nack = (changes: Changes): string => {
  const ranges = Uint8Array.of(1, 0, 5);
  return mapHex('0b', { site: SITE, ranges, kind: 'drop', code: 'CHANGE_REJECTED', message: '', ...changes });
};
export const error = (details: string): string => mapHex('13', { code: 'GAP', message: '', details });
export const bye = (retryAfterMs: unknown): string => mapHex('14', { code: 'CLOSED', retryAfterMs });

/** A bye whose field `x` is this many lists in each other, the innermost empty or not. */
export const nested = (lists: number, innermost: 'c0' | ''): string =>
  `0114 82 a4636f6465 a141 a178 ${'91'.repeat(lists - 1)}${innermost === '' ? '90' : `91${innermost}`}`;

export function hexOf([name, hex]: ByteFrame): { readonly name: string; readonly hex: string } {
  return { name, hex: hex.replaceAll(' ', '') };
}
