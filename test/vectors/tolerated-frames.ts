/** Frames that every reader takes although our writer writes them otherwise. */
import type { ByteFrame } from './byte-pieces.ts';
import { bye, ERA, hello, KEYS, nested, NO_ROWS, ONE_CELL, PART, SITE, VALUE, WINDOW } from './byte-pieces.ts';

const TWO_VALUES = `${PART} 00 0009 02 01 0174 01 0176 01 01 00 00 01 06 01 01`;

export const toleratedFrames: readonly ByteFrame[] = [
  ['a number with zeros behind it', '010e8500'],
  ['a site in full, without a number', `010d 00${SITE} 01 00 05`],
  ['an id that gets its number again', `${WINDOW} 03 03${ERA} ${NO_ROWS}`],
  ['a new id with a number out of order', `010d 0b${SITE} 01 00 05`],
  ['a beat with flags that are not known', `0106 f0 03${ERA} 00 00 00`],
  [
    'a greeting with fields that are not known, and a capability that is no text',
    hello({ z: [1], capabilities: [7, 'x'] }),
  ],
  ['a number as float64', '0114 82 a4636f6465a141 ac726574727941667465724d73 cb408f400000000000'],
  ['a number as float32', '0114 82 a4636f6465a141 ac726574727941667465724d73 ca447a0000'],
  ['a number in more bytes than it needs', '0114 82 a4636f6465a141 ac726574727941667465724d73 ce00000005'],
  ['fields in another order', '0114 82 ac726574727941667465724d73 05 a4636f6465a141'],
  ['a field that comes twice', '0114 82 a4636f6465a141 a4636f6465a142'],
  ['fields that nest as deep as they may', nested(11, '')],
  ['a code that is not known', bye(undefined).replace('a6434c4f534544', 'a6544f4d4f5252')],
  ['a packed area that deflate made longer', `${PART} 20 010300fcff 000900`],
  ['an empty raw area', `${PART} 40 03 000900`],
  ['a sentinel spelled out', `${PART} 00 0009 01 01 0174 01 022d31 01 02 00 00 01 00 01 00 02`],
  ['a template that names all columns', `${PART} ${ONE_CELL} 01 01 01 00 00 01 00 01 00 01`],
  ['two templates that are equal', `${PART} ${ONE_CELL} 02 01 00 01 00 00 01 00 01 00 01 00 01`],
  ['one column twice in a group', `${PART} ${ONE_CELL} 01 01 02 0000 00 01 00 01 00 01`],
  ['negative zero among the numbers', `${VALUE} 01 00 40 01`],
  ['bits of a form of numbers that mean nothing', `${VALUE} 01 f8 05 01`],
  ['neighbouring runs of one number', `${TWO_VALUES} 01 01 05 01 05 01 01`],
  ['NULLs with bits for nothing', `${VALUE} 10 01`],
  ['bits for NULLs, and all values there', `${VALUE} 11 01 00 05 01`],
  ['bits for NULLs, and no value there', `${VALUE} 11 00 01`],
  ['values of several types, and bits for NULLs', `${TWO_VALUES} 19 02 10 0161 01`],
  ['a dictionary with a text that is not used', `${VALUE} 06 02 00 01 78 00 01`],
  ['column versions one by one, all equal', `${VALUE} 40 00 01`],
  ['keys that are all beginning', `${KEYS} 02 03010901 00 00 01`],
  ['differences of one number', `${VALUE} 01 04 05 01`],
];
