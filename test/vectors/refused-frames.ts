/** Frames that no reader takes: at least one for each rule of the wire format. The code is what our reader answers. */
import type { ByteFrame } from './byte-pieces.ts';
import {
  bye,
  ERA,
  error,
  hello,
  KEYS,
  nack,
  nested,
  NO_ROWS,
  ONE_CELL,
  PART,
  SITE,
  VALUE,
  welcome,
  WINDOW,
} from './byte-pieces.ts';

const OTHER = 'cd'.repeat(16);
/** Two groups of one table, up to the values: keys 1 and 2. */
const TWO_VALUES = `${PART} 00 0009 02 01 0174 01 0176 01 01 00 00 01 06 01 01`;
const SENTINEL = `${PART} 00 0009 01 01 0174 01 00 01 02 00 00 01 00 01`;

const heads: readonly ByteFrame[] = [
  ['nothing at all', ''],
  ['a version that is not known', '6305'],
  ['version 0', '0005'],
  ['a version alone', '01'],
  ['a tag that does not exist', '0163'],
  ['the tag that is kept', '011200'],
  ['ids of a link outside of one', '018401'],
  ['bytes behind the end', '010e0505'],
];

const numbersAndIds: readonly ByteFrame[] = [
  ['a number beyond 2^53', '010effffffffffffff7f'],
  ['a number of nine bytes', '010e808080808080808001'],
  ['a number that is cut off', '010e80'],
  ['a flag that is neither 0 nor 1', '010702'],
  ['a signed number beyond 2^53', `${VALUE} 01 00 bf80808080808020 01`],
  ['differences that add up to more than 2^53', `${TWO_VALUES} 01 06 bfffffffffffff1f 01 01`],
  ['a run beyond the count', `${VALUE} 01 01 05 02 01`],
  ['an empty run', `${VALUE} 01 01 05 00 01`],
  ['numbers in an unknown form', `${VALUE} 01 03 05 01`],
  ['an id by a number that was never given', '010d02010001'],
  ['an id of number 0', `010d 01${SITE} 01 00 05`],
  ['an id of a number above 4,000', `010d c33e${SITE} 01 00 05`],
  ['an id that is numbered anew', `010c 02 03${SITE} 01 00 05 03${OTHER} 01 00 05`],
];

const rangesAndMessages: readonly ByteFrame[] = [
  ['a want of nothing', `010d03${SITE}00`],
  ['ranges that touch', `010d03${SITE}0200050005`],
  ['an empty range', `010d03${SITE}010000`],
  ['a range that ends beyond 2^53 - 1', `010d03${SITE}01 ffffffffffffff0f 01`],
  ['more ranges than a set may have', `010d03${SITE}914e`],
  ['a site twice in a coverage', `010c 02 03${SITE} 01 00 05 02 01 06 01`],
  ['a site with nothing in a coverage', `010c 01 03${SITE} 00`],
  ['a beat that is cut off', `0106 00 03${ERA} 00`],
  ['a mark that ends beyond 2^53 - 1', `0105 03${ERA} ffffffffffffff0f 01 00`],
  ['a pull with half a cursor', '0107 01 03aa'],
  ['a part without a body', `0109 01 03${SITE}`],
  ['an image without its whole hash', `0111 03${ERA} 05 05 aa`],
  ['claims by spans, and two parts of one site', `${WINDOW} 05 05${SITE} 04 ${NO_ROWS} 04 ${NO_ROWS}`],
  ['more parts than bytes', `${WINDOW} ff01`],
];

const maps: readonly ByteFrame[] = [
  ['control fields that are no map', '0114c0'],
  ['control fields with an extension', '0114d47300'],
  ['control fields that claim 2^32 items', '0114ddffffffff'],
  ['bytes behind the control fields', `${bye(5)}00`],
  ['a control number in a 64-bit form', '0114 82 a4636f6465a141 ac726574727941667465724d73 cf0000000000000005'],
  ['a control number that is not whole', bye(0.5)],
  ['a control number below 0', bye(-1)],
  ['a control text that is not UTF-8', '0114 81 a4636f6465 a180'],
  ['control fields that nest too deep', nested(11, 'c0')],
  ['a hello without its site', hello({ site: undefined })],
  ['a site id in capital letters', hello({ site: 'AB'.repeat(16) })],
  ['a cursor that is nil', hello({ cursor: null })],
  ['a cursor with leading zeros', hello({ cursor: `${ERA}.07` })],
  ['a mode that is none', hello({ mode: 'relay' })],
  ['a digest of an odd length', hello({ digest: [1, 2, 3] })],
  ['a digest of bucket 256', hello({ digest: [256, 2] })],
  ['a shape that is a list', hello({ shape: ['todo'] })],
  ['a shape with columns that are no texts', hello({ shape: { todo: [1] } })],
  ['acks that are no pairs', welcome({ acks: [SITE] })],
  ['an ack with bytes left over', welcome({ acks: [[SITE, Uint8Array.of(0, 0, 0, 0)]] })],
  ['a nack of an unknown kind', nack({ kind: 'perhaps' })],
  ['a nack whose ranges are a text', nack({ ranges: '1' })],
  ['details that are no JSON', error('{')],
  ['details that are a list', error('[]')],
];

const bodies: readonly ByteFrame[] = [
  ['a body in an unknown form', `${PART} 80 0009 00`],
  ['an empty span', `${PART} 00 0500 00`],
  ['a deflated body that is no deflate stream', `${PART} 20 ffffff`],
  ['a deflated body that is cut off', `${PART} 20 010300fcff 00`],
  ['a packed area that is longer than the body', `${PART} 40 05 00`],
  ['bytes behind the packed area', `${PART} ${NO_ROWS} ff`],
  ['bytes behind the raw area', `${PART} 40 03 000900 ff`],
  ['seq in an unknown form', `${PART} 03 ${ONE_CELL.slice(3)} 01 01 00`],
  ['more groups than a message may have changes', `${PART} 00 0009 c1843d`],
  ['more changes than a message may have', `${PART} 00 0009 c0843d 01 0174 02 0176 0177 01 01 00`],
  ['a table that is not there', `${PART} 00 0009 01 02 0174 01 0176 0175 01 0176 01 01 05`],
  ['a column that is not there', `${PART} ${ONE_CELL} 01 01 01 05`],
  ['a template that is not there', `${PART} ${ONE_CELL} 02 01 00 03 00 00 05`],
  ['a template without cells', `${PART} 00 0009 01 01 0174 00 01 01 00`],
  ['no template at all', `${PART} ${ONE_CELL} 00 00`],
  ['a column without a cell', `${PART} 00 0009 01 01 0174 02 0176 0177 01 01 01 00 00 01 00 01 00 01 00 01`],
  ['a table without a group', `${PART} 00 0009 01 02 0174 01 0176 0175 01 0176 01 01 00 00 00 01 00 01 00 01`],
  ['a causal length above its bound', `${PART} ${ONE_CELL} 01 8180808080808008 00`],
];

const values: readonly ByteFrame[] = [
  ['a column of an unknown form', `${VALUE} 0a`],
  ['a column with an unknown bit', `${VALUE} 20 01`],
  ['a text that is not UTF-8', `${VALUE} 05 01 ff 01`],
  ['a text longer than a value may be', `${VALUE} 05 81808008 01`],
  ['a surrogate in UTF-8', `${VALUE} 05 03 eda080 01`],
  ['decimals of ten places', `${VALUE} 04 0a 00 05 01`],
  ['a text that is not in its dictionary', `${VALUE} 06 01 01 78 01 01`],
  ['a dictionary of 257 texts', `${VALUE} 06 8102`],
  ['a value of an unknown type', `${VALUE} 09 03 01`],
  ['a BLOB that is cut off', `${VALUE} 07 05 0102`],
  ['keys in an unknown form', `${KEYS} 04`],
  ['an integer key below 0', `${KEYS} 01 00 41 00 01`],
  ['an integer key of 2^48', `${KEYS} 01 00 8080808080808001 00 01`],
  ['keys that unfold to too many bytes', `${KEYS} 02 00 8080808004`],
];

const invalid: readonly ByteFrame[] = [
  ['a table of the replica itself', `${PART} 00 0009 01 01 08 63726d6573685f78 01 0176 01 01 00 00 01 00 01 00 01`],
  ['a table of the engine', `${PART} 00 0009 01 01 09 745f5f637273716c5f 01 0176 01 01 00 00 01 00 01 00 01`],
  ['a table without a name', `${PART} 00 0009 01 01 00 01 0176 01 01 00 00 01 00 01 00 01`],
  ['a column name with a space', `${PART} 00 0009 01 01 0174 01 03612062 01 01 00 00 01 00 01 00 01`],
  ['a causal length of 0', `${PART} ${ONE_CELL} 01 00 00 00 01 00 01 00 01`],
  ['a cell of a deleted row', `${PART} ${ONE_CELL} 01 02 00 00 01 00 01 00 01`],
  ['a sentinel with a value', `${SENTINEL} 01 00 05 02`],
  ['a sentinel whose column version is not its causal length', `${SENTINEL} 00 03`],
  ['a column version below 0', `${VALUE} 40 00 41`],
  ['a column version above its bound', `${VALUE} 00 8180808080808008`],
  ['a seq above its bound', `${PART} ${ONE_CELL} 01 01 00 8080808008 01 00 01 00 01`],
  ['a version behind the span', `${PART} 08 ${ONE_CELL.slice(3)} 01 01 00 00 00 0a 01 00 01 00 01`],
  ['a version of 0 for a group', `${PART} 08 ${ONE_CELL.slice(3)} 01 01 00 00 00 00 01 00 01 00 01`],
  ['a REAL that is not a number', `${VALUE} 03 000000000000f87f 01`],
  ['a key that is not in its shortest form', `${KEYS} 00 010900 00 01`],
  ['an empty key', `${KEYS} 02 00 00 00 01`],
  ['a key that is NULL', `${KEYS} 00 0105 00 01`],
  ['a key that is cut off', `${KEYS} 00 010b05 6161`],
  ['a key with bytes behind it', `${KEYS} 02 04 01090101 00 00 01`],
];

export const refusedFrames: readonly ByteFrame[] = [
  ...heads,
  ...numbersAndIds,
  ...rangesAndMessages,
  ...maps,
  ...bodies,
  ...values,
  ...invalid,
];

/** Bodies of HTTP calls. */
export const refusedBodies: readonly ByteFrame[] = [
  ['a message where a body should be', `${PART} ${NO_ROWS}`],
  ['ids of a link in a body', `01a0 01 03${SITE} ${NO_ROWS}`],
  ['a push of two flags', `0120 02 03${SITE} ${NO_ROWS}`],
  ['a page that ends beyond 2^53 - 1', `0121 03${SITE} 05${ERA} 00 00 ffffffffffffff0f 01 00 00`],
  ['a page with bytes behind its parts', `0121 03${SITE} 05${ERA} 00 00 00 05 00 00 ff`],
];
